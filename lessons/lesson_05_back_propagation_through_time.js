// The gradient of one weight as a sum over timesteps: one bar per term, and the chain behind it.
const figure = document.getElementById("figure");
const ERROR = 22, STATE = 88, INPUT = 150, ZERO = 292, TALL = 84, BOTTOM = 424; // pixels
let t = data.t, row = 0, column = 0, k = data.t - 1, width = 900;

const termsNow = () => data.terms[`${row}${column}`][t];
const sum = numbers => numbers.reduce((total, number) => total + number, 0);
const low = number => [...String(number)].map(sign => sign === "-" ? "₋" : "₀₁₂₃₄₅₆₇₈₉"[sign]).join("");

function words(x, y, text, attributes = {}) {
  return make("text", {x, y, "text-anchor": "middle", fill: "var(--ink)", ...attributes}, text);
}

function draw() {
  const terms = termsNow(), total = sum(terms), found = data.autodiff[t][row][column];
  const left = 46, pitch = (width - left) / (t + 3.4), wide = width < 500 ? 0.55 * pitch : Math.min(64, pitch - 36);
  const x = place => left + pitch * (place + 0.5);
  const strong = {stroke: "var(--ink)", "stroke-width": 3};
  const box = (place, y, colour, text, name) => make("g", {}, make("title", {}, name), make("rect", {x: x(place) - wide / 2,
    y: y - 17, width: wide, height: 34, rx: 7, fill: "var(--panel)", stroke: `var(--${colour})`, "stroke-width": 2}),
    words(x(place), y + 5, text));
  picture.setAttribute("font-size", width < 500 ? 13 : 15);
  picture.setAttribute("viewBox", `0 0 ${width} ${BOTTOM + 24}`);
  picture.replaceChildren(make("title", {}, `The ${t + 1} terms of dE${low(t)}/dW from unit ${row + 1} to unit ${column + 1}: `
    + `${terms.map(term => told(term, 4)).join(", ")}; their sum is ${told(total, 4)}`));
  picture.append(words(14, STATE + 5, "0", {fill: "var(--faint)"}));
  terms.forEach((term, place) => {
    // From the state before through W to the state; or back, as far as the W of the chosen term.
    const from = place ? x(place - 1) + wide / 2 : 22, to = x(place) - wide / 2, middle = (from + to) / 2;
    const half = Math.min(13, (to - from) / 3.2), chosen = place === k;
    picture.append(...place > k ? [arrow(to, STATE, from + 1, STATE, strong)]
      : chosen ? [make("line", {x1: from, x2: middle, y1: STATE, y2: STATE, stroke: "var(--faint)", "stroke-width": 1.5}),
        arrow(to, STATE, middle + half, STATE, strong)] : [arrow(from, STATE, to - 2, STATE)],
      make("rect", {x: middle - half, y: STATE - 13, width: 2 * half, height: 26, rx: 4, fill: chosen ? "var(--notice)" : "var(--paper)",
        stroke: chosen ? "var(--notice-line)" : "none"}),
      words(middle, STATE + 5, "W", {"font-size": half < 6 ? 0 : Math.min(14, 1.6 * half), fill: chosen ? "var(--ink)" : "var(--faint)"}),
      box(place, STATE, "state", `s${low(place)}`, data.s[place].map(value => told(value)).join(", ")),
      arrow(x(place), INPUT - 18, x(place), STATE + 19),
      box(place, INPUT, "input", `x${low(place)}`, told(data.x[place], 1)));
  });
  picture.append(arrow(x(t), ERROR + 19, x(t), STATE - 19, strong), box(t, ERROR, "output", `E${low(t)}`,
    `half the square of ${told(data.o[t])} - ${told(data.y[t], 1)}`));

  const largest = Math.max(...terms.map(Math.abs), Math.abs(total)) || 1;
  const bars = [...terms, total, found], names = [...terms.map((_, place) => `k=${place}`), "sum", width < 500 ? "auto" : "autodiff"];
  picture.append(make("line", {x1: left, x2: width, y1: ZERO, y2: ZERO, stroke: "var(--line)"}));
  bars.forEach((value, place) => {
    const height = Math.abs(value) / largest * TALL, at = x(place + (place > t ? 0.4 : 0)), chosen = place === k;
    picture.append(make("rect", {x: at - wide / 2, y: value > 0 ? ZERO - height : ZERO, width: wide, height: Math.max(height, 1),
      fill: chosen ? "var(--notice-line)" : place > t ? "var(--ink)" : "var(--faint)", "data-bar": place > t ? names[place] : place, "data-value": value}),
      words(at, BOTTOM, names[place], {"font-weight": chosen ? 700 : 400, fill: chosen ? "var(--ink)" : "var(--faint)"}));
    if (pitch > 52 || chosen) picture.append(words(at, value > 0 ? ZERO - height - 8 : ZERO + height + 18, told(value), {"font-size": 14}));
    if (place > t) return;
    const hit = make("rect", {x: at - pitch / 2, y: 0, width: pitch, height: BOTTOM + 24, fill: "transparent"});
    hit.addEventListener("pointerenter", () => show(place));
    hit.addEventListener("click", () => show(place));
    picture.append(hit);
  });
  explain(terms, total, found);
}

// The chain of the chosen term in numbers, and the sum beside what autodiff found.
function explain(terms, total, found) {
  const chain = [matrix(`dE${low(t)}/ds${low(t)}`, [data.of_error[t]])];
  for (let j = t; j > k; j--) chain.push(matrix(`ds${low(j)}/ds${low(j - 1)}`, data.jacobians[j]));
  chain.push(matrix(`ds${low(k)}/dW`, data.of_weight[`${row}${column}`][k].map(value => [value])));
  numbers.replaceChildren(make("b", {}, `Term k = ${k}: `), ...chain.flatMap((factor, i) => i ? [" · ", factor] : [factor]),
    " = ", make("b", {id: "term"}, told(terms[k], 6)));
  sums.replaceChildren("Sum ", make("b", {id: "sum"}, total.toFixed(15)), ", automatic differentiation ",
    make("b", {id: "autodiff"}, found.toFixed(15)), ": the difference is ",
    make("b", {id: "difference"}, Math.abs(total - found).toExponential(1)), ".");
}

function show(place) {
  k = Math.min(Math.max(place, 0), t);
  draw();
}

const picture = make("svg", {role: "img", tabindex: 0, "font-size": 15, style: "display: block; width: 100%"});
picture.addEventListener("keydown", event => {
  const by = {ArrowLeft: -1, ArrowRight: 1}[event.key];
  if (by) show(k + by);
});
const numbers = make("p", {id: "numbers", "aria-live": "polite"}), sums = make("p", {id: "sums", "aria-live": "polite"});
const buttons = data.W.flatMap((of_row, i) => of_row.map((value, j) => {
  const button = make("button", {type: "button", "aria-pressed": i + j === 0, "data-weight": `${i}${j}`,
    "aria-label": `W from unit ${i + 1} to unit ${j + 1}, ${value}`}, value.toFixed(1));
  button.addEventListener("click", () => {
    [row, column] = [i, j];
    for (const other of buttons) other.setAttribute("aria-pressed", other === button);
    draw();
  });
  return button;
}));
figure.querySelector("svg").replaceWith(picture);
figure.append(make("div", {class: "controls"},
  make("span", {}, "weight of W"),
  make("span", {role: "group", "aria-label": "weight of W", style: "display: grid; grid-template-columns: auto auto; gap: .25rem"}, ...buttons),
  slider("timestep t of the error", {min: 1, max: data.x.length - 1, value: t}, value => { t = value; show(k); })),
  numbers, sums);
atWidth(figure, value => { width = value; draw(); });
