// What the scripts of the lessons share. Nothing is fetched; all numbers are in the page.
"use strict";

const data = JSON.parse(document.getElementById("data").textContent);

// An element of SVG or HTML: make("circle", {cx: 5, fill: "var(--state)"}, "text or child", ...).
const OF_SVG = new Set("svg g path line rect circle text title polyline polygon image tspan defs marker".split(" "));
function make(name, attributes = {}, ...children) {
  const element = OF_SVG.has(name)
    ? document.createElementNS("http://www.w3.org/2000/svg", name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// A labelled slider: slider("timesteps", {min: 1, max: 9, value: 4}, value => ...).
function slider(label, attributes, changed) {
  const input = make("input", {type: "range", "aria-label": label, ...attributes});
  const shown = make("output", {}, String(attributes.value));
  input.addEventListener("input", () => {
    shown.textContent = input.value;
    changed(Number(input.value));
  });
  return make("label", {}, label, input, shown);
}

// A number as it is read: 0.123, -1.50e-7.
function told(number, digits = 3) {
  if (number !== 0 && Math.abs(number) < 10 ** -digits) return number.toExponential(2);
  return number.toFixed(digits);
}

// vector (rows) times matrix (rows, columns), as arrays.
function times(vector, matrix) {
  return matrix[0].map((_, column) =>
    vector.reduce((sum, value, row) => sum + value * matrix[row][column], 0));
}

const sigmoid = z => 1 / (1 + Math.exp(-z));

// A labelled choice: choice("cell", ["rnn", "lstm"], "lstm", name => ...).
function choice(label, options, chosen, changed) {
  const select = make("select", {}, ...options.map(option => make("option", {}, option)));
  select.value = chosen;
  select.addEventListener("change", () => changed(select.value));
  return make("label", {}, label, select);
}

// Draw into an element at its width in pixels, now and whenever that changes.
function atWidth(element, draw) {
  let width = 0;
  new ResizeObserver(() => {
    if (element.clientWidth === width || !element.clientWidth) return;
    width = element.clientWidth;
    draw(width);
  }).observe(element);
}

// An arrow of SVG from one point to another; attributes are those of its line.
function arrow(x1, y1, x2, y2, {stroke = "var(--faint)", ...attributes} = {}) {
  const along = Math.atan2(y2 - y1, x2 - x1), part = (length, angle = 0) =>
    [x2 - length * Math.cos(along + angle), y2 - length * Math.sin(along + angle)];
  const [endX, endY] = part(4);
  return make("g", {},
    make("line", {x1, y1, x2: endX, y2: endY, stroke, "stroke-width": 1.5, ...attributes}),
    make("polygon", {points: [[x2, y2], part(7, 0.42), part(7, -0.42)].join(" "), fill: stroke}));
}

// A matrix of numbers, in brackets, below what it is called.
function matrix(name, rows, digits = 3) {
  const cells = rows.flat().map(value => make("span", {}, told(value, digits)));
  const columns = `grid-template-columns: repeat(${rows[0].length}, auto)`;
  return make("span", {class: "matrix"}, make("span", {class: "facts"}, name), make("span", {style: columns}, ...cells));
}

// Buttons of which one is chosen: buttonGroup("cell", ["lstm", "gru"], "lstm", name => ...).
function buttonGroup(label, names, chosen, changed) {
  const buttons = names.map(name => {
    const button = make("button", {type: "button", "aria-pressed": name === chosen}, name);
    button.addEventListener("click", () => {
      for (const each of buttons) each.setAttribute("aria-pressed", each === button);
      changed(name);
    });
    return button;
  });
  return make("div", {role: "group", "aria-label": label, class: "group"}, ...buttons);
}

// A button that does something: button("draw anew", () => ...).
function button(label, clicked) {
  const element = make("button", {type: "button"}, label);
  element.addEventListener("click", clicked);
  return element;
}

// The numbers of `page.packed`: {shape: [rows, columns], values: a typed array}.
function unpack(packed) {
  const kinds = {float32: Float32Array, int8: Int8Array, uint8: Uint8Array};
  const bytes = Uint8Array.from(atob(packed.base64), character => character.charCodeAt(0));
  return {shape: packed.shape, values: new kinds[packed.kind](bytes.buffer)};
}

// sums[j] += sum over i of vector[i] * matrix[i][j]; the matrix as from `unpack`.
function addProduct(sums, vector, {shape: [rows, columns], values}) {
  for (let row = 0; row < rows; row++) {
    const value = vector[row], begin = row * columns;
    if (value) for (let column = 0; column < columns; column++) sums[column] += value * values[begin + column];
  }
  return sums;
}

// One step of an LSTM with the weights U, W and b, as from `unpack`, in the order of LSTMCell.call:
// what each gate is the sum of, the gates i, f, g and o, and the new states.
function lstmStep(x, {h, c}, {U, W, b}) {
  const units = h.length;
  const fromInput = addProduct(new Float64Array(4 * units), x, U);
  const fromState = addProduct(new Float64Array(4 * units), h, W);
  const gate = (place, squash) => Float64Array.from({length: units}, (_, unit) => {
    const at = place * units + unit;
    return squash(fromInput[at] + fromState[at] + b.values[at]);
  });
  const [i, f, g, o] = [gate(0, sigmoid), gate(1, sigmoid), gate(2, Math.tanh), gate(3, sigmoid)];
  const cell = c.map((before, unit) => f[unit] * before + i[unit] * g[unit]);
  return {fromInput, fromState, i, f, g, o, c: cell, h: cell.map((value, unit) => o[unit] * Math.tanh(value))};
}

// The state before the first step.
const noMemory = units => ({h: new Float64Array(units), c: new Float64Array(units)});
