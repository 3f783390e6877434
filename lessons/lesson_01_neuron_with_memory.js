// The states of a simple RNN of two units, recomputed whenever the reader changes something.
const figure = document.getElementById("figure");
const caption = figure.querySelector("figcaption");
const WIDTH = 900, HEIGHT = 300, LEFT = 40, ZERO = 140, TALL = 110;
let sequence = data.sequence, U = data.U, W = data.W, b = data.b, step = 1;

// s_t = tanh(x_t U + s_{t-1} W + b), from s_0 = 0.
function states() {
  let state = [0, 0];
  return sequence.map(x => {
    const fromState = times(state, W);
    state = state.map((_, unit) => Math.tanh(x * U[0][unit] + fromState[unit] + b[unit]));
    return state;
  });
}

function draw() {
  const all = states();
  const wide = (WIDTH - LEFT - 20) / Math.max(sequence.length, 1);
  const x = t => LEFT + wide * (t + 0.5), y = value => ZERO - TALL * value;
  picture.replaceChildren(make("title", {}, caption.textContent));
  for (const value of [-1, 0, 1]) {
    picture.append(
      make("line", {x1: LEFT, x2: WIDTH, y1: y(value), y2: y(value), stroke: "var(--line)"}),
      make("text", {x: LEFT - 8, y: y(value) + 5, "text-anchor": "end", fill: "var(--faint)"}, String(value)));
  }
  sequence.forEach((value, t) => {
    const height = Math.min(Math.abs(value), 1.2) * TALL;
    if (t === step - 1) picture.append(make("rect", {x: x(t) - wide / 2, y: 10, width: wide, height: 270, fill: "var(--panel)"}));
    picture.append(
      make("rect", {x: x(t) - 5, y: value > 0 ? ZERO - height : ZERO, width: 10, height, fill: "var(--input)"}),
      make("text", {x: x(t), y: 282, "text-anchor": "middle", fill: "var(--faint)"}, String(t + 1)));
    const place = make("rect", {x: x(t) - wide / 2, y: 0, width: wide, height: HEIGHT, fill: "transparent"});
    place.addEventListener("pointerenter", () => show(t + 1));
    place.addEventListener("click", () => show(t + 1));
    hits.push(place);
  });
  for (const unit of [0, 1]) {
    const points = all.map((state, t) => `${x(t)},${y(state[unit])}`).join(" ");
    picture.append(make("polyline", {points, fill: "none", stroke: "var(--state)", "stroke-width": 2.5, "stroke-dasharray": unit ? "7 5" : "none"}));
    all.forEach((state, t) => picture.append(make("circle", {cx: x(t), cy: y(state[unit]), r: 4, fill: "var(--state)"})));
    if (all.length) picture.append(make("text", {x: x(all.length - 1) + 8, y: y(all.at(-1)[unit]) - 6, fill: "var(--state)"}, `unit ${unit + 1}`));
  }
  picture.append(...hits.splice(0));
  explain(all);
}

// The update of the chosen step in numbers.
function explain(all) {
  const t = Math.min(step, sequence.length), before = all[t - 2] || [0, 0];
  if (!t) return numbers.replaceChildren("Type a sequence of numbers.");
  numbers.replaceChildren(make("b", {}, `Step ${t}`), ...[0, 1].map(unit => make("div", {},
    `s${unit + 1} = tanh(${told(sequence[t - 1], 2)} · ${told(U[0][unit], 2)}`
    + ` + ${told(before[0])} · ${told(W[0][unit], 2)} + ${told(before[1])} · ${told(W[1][unit], 2)}`
    + ` + ${told(b[unit], 2)}) = `, make("b", {class: "state", "data-unit": unit + 1}, told(all[t - 1][unit], 6)))));
}

function show(t) {
  step = t;
  draw();
}

const hits = [];
const picture = make("svg", {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", tabindex: 0, "font-size": 15});
picture.addEventListener("keydown", event => {
  const by = {ArrowLeft: -1, ArrowRight: 1}[event.key];
  if (by) show(Math.min(Math.max(step + by, 1), sequence.length));
});
const numbers = make("div", {id: "numbers", "aria-live": "polite"});
const text = make("input", {type: "text", id: "sequence", size: 40, value: sequence.join(" "), "aria-label": "sequence"});
text.addEventListener("input", () => {
  sequence = text.value.split(/[\s,]+/).filter(Boolean).map(Number).filter(Number.isFinite).slice(0, 40);
  step = Math.min(Math.max(step, 1), sequence.length);
  draw();
});
const controls = make("div", {class: "controls"}, make("label", {}, "sequence", text));
for (const from of [0, 1]) for (const to of [0, 1]) {
  controls.append(slider(`W from unit ${from + 1} to unit ${to + 1}`, {min: -2, max: 2, step: 0.1, value: W[from][to]},
    value => { W[from][to] = value; draw(); }));
}
figure.querySelector("svg").replaceWith(picture);
figure.append(controls, numbers);
draw();
