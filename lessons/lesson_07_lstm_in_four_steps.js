// The LSTM runs here: its four steps at a word, and its states over the sentence that the reader edits.
const figure = document.getElementById("figure");
const [drawing, still] = figure.querySelectorAll("svg");
const vectors = unpack(data.vectors), V = unpack(data.answer.V), bias = unpack(data.answer.b).values;
const lstm = {U: unpack(data.lstm.U), W: unpack(data.lstm.W), b: unpack(data.lstm.b)};
const UNITS = lstm.W.shape[0], WIDTH = 900, LEFT = 70, RIGHT = 850, TOP = 70, ROW = 7, LINES = 150;
// What the heat map can show, with its colour above zero and, where it isn't violet, below.
const SHOWN = {"cell state": ["c", "--cell-state", "green"], "forget gate": ["f", "--forget-gate"], "input gate": ["i", "--input-gate"],
  "candidate": ["g", "--candidate", "blue", "--faint"], "output gate": ["o", "--output-gate"], "hidden state": ["h", "--state", "green"]};
const numberOf = new Map(data.vocabulary.map((word, number) => [word, number]));
let words = [], steps = [], place = data.word, unit = data.order[0], part = "all", shown = "cell state";

function read(text) {
  const found = text.toLowerCase().match(/[a-z]+|\./g) ?? [];
  const unknown = found.filter(word => !numberOf.has(word));
  if (unknown.length || !found.length) {
    note.textContent = unknown.length ? `This network knows ${data.vocabulary.length - 1} words, and ${unknown[0]} is not among them.` : "Type some words.";
    return;
  }
  note.textContent = "";
  words = found.slice(0, 40);
  let states = noMemory(UNITS);
  steps = words.map(word => states = lstmStep(vectors.values.subarray(numberOf.get(word) * UNITS, (numberOf.get(word) + 1) * UNITS), states, lstm));
  place = Math.min(place, words.length - 1);
  drawCells();
  writeAnswer();
  show();
}

// The probability of each language after the last word.
function writeAnswer() {
  const logits = addProduct(Float64Array.from(bias), steps.at(-1).h, V);
  const weights = logits.map(logit => Math.exp(logit - Math.max(...logits)));
  const shares = weights.map(weight => weight / weights.reduce((sum, each) => sum + each, 0));
  const best = shares.indexOf(Math.max(...shares));
  answer.replaceChildren("The network goes on with ", make("b", {class: "output", id: "said"}, data.classes[best]),
    ", with the probability ", make("b", {id: "share", "data-share": shares[best]}, told(shares[best])), ".");
}

// Everything that hangs on the chosen word, unit and step.
function show() {
  const step = steps[place], before = steps[place - 1] ?? noMemory(UNITS);
  const at = {f: step.f[unit], i: step.i[unit], g: step.g[unit], o: step.o[unit], c: step.c[unit], h: step.h[unit],
    c_before: before.c[unit], h_before: before.h[unit], ig: step.i[unit] * step.g[unit], tanh: Math.tanh(step.c[unit]), word: words[place]};
  for (const element of drawing.querySelectorAll("[data-value]")) {
    const value = at[element.dataset.value];
    element.textContent = element.dataset.value === "word" ? value : number(value);
    element.dataset.exact = value;
  }
  for (const element of drawing.querySelectorAll("[data-step]")) {
    element.style.opacity = part === "all" || element.dataset.step.split(" ").includes(part) ? 1 : 0.15;
  }
  explain(step, at);
  mark();
  drawLines();
  buttons.replaceChildren(...words.map((word, number) => {
    const one = button(word, () => { place = number; show(); });
    one.setAttribute("aria-pressed", number === place);
    return one;
  }));
}

const number = value => value.toFixed(2).replace("-", "−");
const plus = value => value < 0 ? `− ${number(-value)}` : `+ ${number(value)}`;

// The sums behind the gates, and what comes of them.
function explain(step, at) {
  const sum = (gate, squash, value) => {
    const from = gate * UNITS + unit;
    return `${squash}(${number(step.fromInput[from])} from the word ${plus(step.fromState[from])} from the hidden state ${plus(lstm.b.values[from])}) = ${number(value)}`;
  };
  const kept = `${(100 * at.f).toFixed(0)} %`;
  const lines = {
    1: ["Forget.", `f = ${sum(1, "σ", at.f)}: ${kept} of the cell state stays.`],
    2: ["Input and candidate.", `i = ${sum(0, "σ", at.i)}; g = ${sum(2, "tanh", at.g)}. Together i · g = ${number(at.ig)} is to be added.`],
    3: ["Cell.", `c = f · c before + i · g = ${number(at.f)} · ${number(at.c_before)} ${plus(at.ig)} = ${number(at.c)}.`],
    4: ["Output.", `o = ${sum(3, "σ", at.o)}; h = o · tanh(c) = ${number(at.o)} · ${number(at.tanh)} = ${number(at.h)}.`],
  };
  numbers.replaceChildren(make("div", {class: "facts"}, `Unit ${unit + 1} at the word ${words[place]}`),
    ...Object.entries(lines).filter(([number]) => part === "all" || part === number).map(([number, [name, text]]) =>
      make("div", {}, make("b", {}, `${number} ${name} `), text)));
}

const wide = () => (RIGHT - LEFT) / words.length;

// The heat map: a row for each unit, a column for each word.
function drawCells() {
  const [name, colour, called, below = "--below"] = SHOWN[shown];
  const strengths = steps.flatMap(step => Array.from(step[name], Math.abs)).sort((a, b) => a - b);
  const scale = "fio".includes(name) ? 1 : Math.max(strengths[Math.floor(0.97 * strengths.length)], 1e-9);
  map.replaceChildren(make("title", {}, `The ${shown} of every unit at every word`));
  words.forEach((word, column) => map.append(make("text",
    {transform: `translate(${LEFT + wide() * (column + 0.5)} ${TOP - 8}) rotate(-35)`, fill: "var(--ink)"}, word)));
  data.order.forEach((unit, row) => steps.forEach((step, column) => {
    const value = step[name][unit];
    map.append(make("rect", {x: LEFT + wide() * column, y: TOP + ROW * row, width: wide(), height: ROW,
      fill: `var(${value > 0 ? colour : below})`, "fill-opacity": Math.min(Math.abs(value) / scale, 1)}));
  }));
  map.append(frame);
  legend.textContent = "fio".includes(name)
    ? `The ${shown}: no colour where it is 0, full colour where it is 1.`
    : `The ${shown}: ${called} above zero, ${below === "--below" ? "violet" : "grey"} below, full colour from ${told(scale, 1)} on.`;
  legend.textContent += " A row is a unit; those that carry most of the country are on top.";
}

// Frames around the chosen unit and the chosen word.
function mark() {
  const row = data.order.indexOf(unit);
  frame.replaceChildren(
    make("rect", {x: LEFT + wide() * place, y: TOP, width: wide(), height: ROW * UNITS, fill: "none", stroke: "var(--input)", "stroke-width": 2}),
    make("rect", {x: LEFT, y: TOP + ROW * row, width: RIGHT - LEFT, height: ROW, fill: "none", stroke: "var(--ink)", "stroke-width": 2}),
    make("text", {x: LEFT - 6, y: TOP + ROW * row + 9, "text-anchor": "end", "font-size": 13, fill: "var(--ink)"}, `unit ${unit + 1}`));
}

// The chosen unit, followed over the sentence: what stays, what is added, and what that makes.
function drawLines() {
  const largest = Math.max(...steps.map(step => Math.abs(step.c[unit])), 1);
  const x = column => LEFT + wide() * (column + 0.5), y = value => LINES / 2 - value / largest * (LINES / 2 - 16);
  lines.replaceChildren(make("title", {}, `Unit ${unit + 1} over the sentence`));
  for (const value of [-largest, 0, largest]) lines.append(
    make("line", {x1: LEFT, x2: RIGHT, y1: y(value), y2: y(value), stroke: "var(--line)"}),
    make("text", {x: LEFT - 8, y: y(value) + 5, "text-anchor": "end", "font-size": 13, fill: "var(--faint)"}, told(value, 1)));
  steps.forEach((step, column) => {
    const added = step.i[unit] * step.g[unit];
    lines.append(make("rect", {x: x(column) - 5, y: Math.min(y(0), y(added)), width: 10, height: Math.abs(y(added) - y(0)), fill: "var(--input-gate)"}));
  });
  const line = (values, colour, dash) => lines.append(make("polyline", {points: values.map((value, column) => `${x(column)},${y(value)}`).join(" "), fill: "none", stroke: colour, "stroke-width": 2.5, "stroke-dasharray": dash}));
  line(steps.map(step => step.f[unit]), "var(--forget-gate)", "6 4");
  line(steps.map(step => step.c[unit]), "var(--cell-state)", "none");
  lines.append(make("line", {x1: x(place), x2: x(place), y1: 0, y2: LINES, stroke: "var(--input)"}));
  followed.textContent = `Unit ${unit + 1} over the sentence. Line: its cell state. Dashed: the forget gate. Bars: what is added, i · g. `
    + `From the first full stop on, at least ${(Math.floor(1000 * data.carried[unit]) / 10).toFixed(1)} % of its differences between texts hang on the country.`;
}

const map = make("svg", {viewBox: `0 0 ${WIDTH} ${TOP + ROW * UNITS + 10}`, role: "img", tabindex: 0, "font-size": 15, style: "min-width: 640px", id: "map"});
const frame = make("g"), lines = make("svg", {viewBox: `0 0 ${WIDTH} ${LINES}`, role: "img", "font-size": 15, style: "min-width: 640px"});
map.addEventListener("click", event => {
  const box = map.getBoundingClientRect(), scale = WIDTH / box.width;
  const column = Math.floor(((event.clientX - box.left) * scale - LEFT) / wide()), row = Math.floor(((event.clientY - box.top) * scale - TOP) / ROW);
  if (column >= 0 && column < words.length) place = column;
  if (row >= 0 && row < UNITS) unit = data.order[row];
  show();
});
map.addEventListener("keydown", event => {
  const along = {ArrowLeft: -1, ArrowRight: 1}[event.key], across = {ArrowUp: -1, ArrowDown: 1}[event.key];
  if (!along && !across) return;
  event.preventDefault();
  place = Math.min(Math.max(place + (along ?? 0), 0), words.length - 1);
  unit = data.order[Math.min(Math.max(data.order.indexOf(unit) + (across ?? 0), 0), UNITS - 1)];
  show();
});
const numbers = make("div", {id: "numbers", "aria-live": "polite"}), answer = make("p"), note = make("p", {class: "facts", role: "status"});
const legend = make("p", {class: "facts"}), followed = make("p", {class: "facts", id: "followed"}), buttons = make("div", {role: "group", "aria-label": "word", class: "group", id: "words"});
const text = make("input", {type: "text", id: "text", size: 60, value: data.text, "aria-label": "text"});
text.addEventListener("input", () => read(text.value));
const before = make("div", {}, make("div", {class: "controls"}, make("label", {style: "flex: 1"}, "text", text)), note, answer, buttons,
  make("div", {class: "controls"}, "step", buttonGroup("step", ["all", "1", "2", "3", "4"], "all", name => { part = name; show(); })));
figure.prepend(before);
drawing.after(numbers);
still.replaceWith(make("div", {class: "controls"}, buttonGroup("shown", Object.keys(SHOWN), shown, name => { shown = name; drawCells(); show(); })), map, legend, lines, followed);
read(data.text);
