// One network as a loop and as a chain of copies; every number is recomputed when a weight changes.
const figure = document.getElementById("figure");
const WIDE = 88, GAP = 84, PITCH = WIDE + GAP, TALL = 300;
const OUTPUT = 30, STATE = 145, INPUT = 262; // the heights of the three rows, in pixels
const weights = {U: data.U, W: data.W, V: data.V};
const SHAPE = {U: "from the input to unit", W: "from unit", V: "from unit"};
const NAMES = {};
for (const [matrix, rows] of Object.entries(weights)) {
  rows.forEach((row, i) => row.forEach((_, j) => {
    const to = {U: `${j + 1}`, W: `${i + 1} to unit ${j + 1}`, V: `${i + 1} to the output`}[matrix];
    NAMES[`${matrix} ${SHAPE[matrix]} ${to}`] = [matrix, i, j];
  }));
}
let timesteps = data.timesteps, chosen = "W from unit 1 to unit 1";

// s_t = tanh(x_t U + s_{t-1} W) and o_t = s_t V, from s_0 = 0.
function run() {
  let state = [0, 0];
  return data.sequence.slice(0, timesteps).map(x => {
    const fromState = times(state, weights.W), fromInput = times([x], weights.U);
    state = fromState.map((value, unit) => Math.tanh(fromInput[unit] + value));
    return {x, state, output: times(state, weights.V)[0]};
  });
}

function words(x, y, text, attributes = {}) {
  return make("text", {x, y, "text-anchor": "middle", fill: "var(--ink)", ...attributes}, text);
}

const letter = (name, x, y) => words(x, y, name, {fill: "var(--faint)", "font-weight": 600});

function box(x, y, height, colour, ...content) {
  return make("g", {}, make("rect", {x: x - WIDE / 2, y: y - height / 2, width: WIDE, height, rx: 7,
    fill: "var(--panel)", stroke: `var(--${colour})`, "stroke-width": 2}), ...content);
}

// The numbers of a matrix around a point, each of which can be chosen.
function numbers(name, x, y) {
  const group = make("g", {"font-size": 13});
  weights[name].forEach((row, i) => row.forEach((value, j) => {
    const here = Object.keys(NAMES).find(key => String(NAMES[key]) === String([name, i, j]));
    const left = x + 38 * (j - row.length / 2), top = y + 20 * (i - weights[name].length / 2);
    const cell = make("g", {"data-weight": `${name}${i + 1}${j + 1}`, style: "cursor: pointer"},
      make("title", {}, here),
      make("rect", {x: left + 1, y: top + 1, width: 36, height: 18, rx: 4,
        fill: here === chosen ? "var(--notice)" : "transparent",
        stroke: here === chosen ? "var(--notice-line)" : "transparent"}),
      words(left + 19, top + 14.5, value.toFixed(1)));
    cell.addEventListener("click", () => choose(here));
    group.append(cell);
  }));
  return group;
}

// A copy of the cell with what goes in and what comes out.
function copy(x, {x: input, state, output}, index) {
  return make("g", {},
    box(x, INPUT, 34, "input", words(x, INPUT + 5, `x${index} = ${told(input, 1)}`)),
    arrow(x, INPUT - 19, x, STATE + 33), letter("U", x - 12, 225), numbers("U", x + 44, 220),
    box(x, STATE, 62, "state", ...state.map((value, unit) => words(x, STATE - 8 + 26 * unit, told(value),
      {"data-unit": unit + 1, "data-value": value}))),
    arrow(x, STATE - 33, x, OUTPUT + 21), letter("V", x - 12, 89), numbers("V", x + 28, 84),
    box(x, OUTPUT, 34, "output", words(x, OUTPUT + 5, `o${index} = ${told(output, 2)}`,
      {"data-output": "", "data-value": output})));
}

function draw() {
  const steps = run();
  const loop = make("svg", {viewBox: `0 0 196 ${TALL}`, width: 196, role: "img", "font-size": 15},
    make("title", {}, "The loop: the state goes back into the cell"),
    copy(52, steps.at(-1), ""),
    make("path", {d: `M96 ${STATE + 16} C 120 ${STATE + 40}, 120 ${STATE - 40}, 104 ${STATE - 20}`, fill: "none",
      stroke: "var(--faint)", "stroke-width": 1.5}),
    arrow(104, STATE - 20, 97, STATE - 16), letter("W", 156, STATE - 26), numbers("W", 156, STATE));
  const wide = 82 + PITCH * timesteps;
  const chain = make("svg", {viewBox: `0 0 ${wide} ${TALL}`, width: wide, role: "img", "font-size": 15,
    style: "max-width: none"},
    make("title", {}, `Unrolled: ${timesteps} copies of the cell, each handing its state to the next`),
    words(22, STATE - 8, "0.000"), words(22, STATE + 18, "0.000"), words(22, STATE + 50, "s₀", {fill: "var(--faint)"}));
  steps.forEach((step, t) => {
    const x = 40 + GAP + WIDE / 2 + PITCH * t;
    const one = copy(x, step, subscript(t + 1));
    one.dataset.step = t + 1;
    const between = x - (WIDE + GAP) / 2;
    one.append(arrow(between - GAP / 2 + 1, STATE, between + GAP / 2 - 2, STATE),
      letter("W", between, STATE - 50), numbers("W", between, STATE - 24));
    chain.append(one);
  });
  pictures.firstChild.replaceWith(loop);
  scrolled.replaceChildren(chain);
  const [matrix, i, j] = NAMES[chosen];
  const said = timesteps === 1 ? "the one copy" : `all ${timesteps} copies`;
  const count = Object.values(weights).flat(2).length;
  about.replaceChildren(`${chosen}: `, make("b", {}, weights[matrix][i][j].toFixed(1)), ` in ${said}. `
    + `The loop has ${count} weights, and so has the chain.`);
}

const subscript = number => [...String(number)].map(digit => "₀₁₂₃₄₅₆₇₈₉"[digit]).join("");

function choose(name) {
  chosen = name;
  select.querySelector("select").value = name;
  const [matrix, i, j] = NAMES[name];
  value.querySelector("input").value = weights[matrix][i][j];
  value.querySelector("output").textContent = weights[matrix][i][j];
  draw();
}

const scrolled = make("div", {style: "overflow-x: auto; flex: 1 1 300px; min-width: 0", tabindex: 0, role: "group",
  "aria-label": "unrolled"});
const pictures = make("div", {style: "display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; align-items: center"},
  make("span"), scrolled);
const about = make("p", {id: "about", "aria-live": "polite"});
const select = choice("weight", Object.keys(NAMES), chosen, choose);
const value = slider("value", {min: -2, max: 2, step: 0.1, value: data.W[0][0]}, number => {
  const [matrix, i, j] = NAMES[chosen];
  weights[matrix][i][j] = number;
  draw();
});
figure.querySelector("svg").replaceWith(pictures);
figure.append(make("div", {class: "controls"},
  slider("timesteps", {min: 1, max: data.sequence.length, value: timesteps}, number => { timesteps = number; draw(); }),
  select, value), about);
draw();
