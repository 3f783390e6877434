// How fast gradients vanish in four cells, for the size of W that the reader chooses; and why.
const BOTTOM = -12, TOP = 6; // powers of ten
const lines = document.getElementById("figure"), second = document.getElementById("product");
const starts = Object.keys(data.starts), cells = Object.keys(data.names);
let place = data.sizes.indexOf(data.size), start = starts[0], distance = 20;
const last = data.starts[start].rnn[0].length - 1;

function words(x, y, text, attributes = {}) {
  return make("text", {x, y, fill: "var(--faint)", ...attributes}, text);
}

// A picture over n with a logarithmic axis. Curves: [{name, colour, values, dash}], values from n = first.
function chart(picture, width, height, first, end, curves, title, axis) {
  const left = 52, right = width < 500 ? 98 : 110, below = 44, above = 12;
  const x = n => left + (width - left - right) * (n - first) / (end - first);
  const [low, high] = axis, y = value => above + (height - above - below) * (high - Math.log10(value)) / (high - low);
  picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
  picture.replaceChildren(make("title", {}, title));
  for (let power = low; power <= high; power += 3) {
    picture.append(make("line", {x1: left, x2: x(end), y1: y(10 ** power), y2: y(10 ** power), stroke: "var(--line)"}),
      words(left - 8, y(10 ** power) + 5, power ? `10${raised(power)}` : "1", {"text-anchor": "end"}));
  }
  const names = [];
  for (const {name, colour, values, dash = "none"} of curves) {
    // What leaves the picture at its edge is drawn up to there.
    const inside = values.findIndex(value => !(value >= 10 ** low && value <= 10 ** high));
    const points = values.slice(0, inside < 0 ? undefined : inside).map((value, i) => [x(first + i), y(value)]);
    if (inside > 0) {
      const edge = values[inside] < 1 ? low : high, [from, to] = [Math.log10(values[inside - 1]), Math.log10(values[inside])];
      const part = values[inside] ? (edge - from) / (to - from) : 1;
      points.push([x(first + inside - 1 + part), y(10 ** edge)]);
    }
    picture.append(make("polyline", {points: points.join(" "), fill: "none", stroke: colour, "stroke-width": 2.5,
      "stroke-dasharray": dash, "data-line": name}));
    names.push({name, x: points.at(-1)[0] + 7, y: points.at(-1)[1] + 4});
  }
  spread(names);
  for (const each of names) picture.append(words(each.x, each.y, each.name, {fill: "var(--ink)", "font-weight": 600}));
  return {x, y};
}

// Names that would stand on each other are moved apart, from the top down.
function spread(names) {
  names.sort((a, b) => a.y - b.y);
  const near = (a, b) => Math.abs(a.x - b.x) < 90;
  for (let i = 1; i < names.length; i++) {
    for (let j = 0; j < i; j++) if (near(names[i], names[j])) names[i].y = Math.max(names[i].y, names[j].y + 17);
  }
}

const norm = value => value < 0.01 || value >= 1000 ? value.toExponential(1) : value.toPrecision(3);
const raised = power => [...String(power)].map(sign => sign === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign]).join("");

function drawLines(width = wide) {
  wide = width;
  const size = data.sizes[place], of = cell => data.starts[start][cell][place];
  const curves = cells.map(cell => ({name: data.names[cell], colour: `var(--${cell})`, values: of(cell)}));
  const bound = {name: "sizeᵗ⁻ᵏ", colour: "var(--faint)", dash: "2 5", values: of("rnn").map((_, n) => size ** n)};
  const {x, y} = chart(picture, width, 400, 0, last, [bound, ...curves],
    `Norms at a distance of ${last} timesteps, W of size ${size}: `
    + cells.map(cell => `${data.names[cell]} ${norm(of(cell)[last])}`).join(", "), [BOTTOM, TOP]);
  for (let n = 0; n <= last; n += 10) picture.append(words(x(n), 376, String(n), {"text-anchor": "middle"}));
  picture.append(words((x(0) + x(last)) / 2, 396, "t - k, timesteps back", {"text-anchor": "middle"}),
    make("line", {x1: x(distance), x2: x(distance), y1: 12, y2: 356, stroke: "var(--faint)", "stroke-dasharray": "3 3"}));
  for (const {colour, values} of curves) {
    const value = values[distance];
    if (value >= 10 ** BOTTOM && value <= 10 ** TOP) picture.append(make("circle", {cx: x(distance), cy: y(value), r: 4.5, fill: colour}));
  }
  picture.onpointermove = event => {
    const box = picture.getBoundingClientRect(), at = (event.clientX - box.left) * width / box.width;
    const n = Math.round((at - x(0)) / (x(1) - x(0)));
    if (n !== distance && n >= 0 && n <= last) { distance = n; drawLines(); }
  };
  readout.replaceChildren(make("b", {}, `${distance} timesteps back, W of size ${size}: `), ...cells.flatMap((cell, i) => [i ? " · " : "",
    make("span", {style: "white-space: nowrap", "data-cell": cell, "data-value": of(cell)[distance]},
      make("span", {style: `color: var(--${cell})`, "aria-hidden": "true"}, "■ "), `${data.names[cell]} `, make("b", {}, norm(of(cell)[distance])))]));
}

let wide = 900;
const picture = make("svg", {role: "img", tabindex: 0, "font-size": 14, style: "display: block; width: 100%"});
picture.addEventListener("keydown", event => {
  const by = {ArrowLeft: -1, ArrowRight: 1}[event.key];
  if (by) { distance = Math.min(Math.max(distance + by, 0), last); drawLines(); }
});
const readout = make("p", {id: "readout", "aria-live": "polite"});
const sizes = slider("size of W at the start", {min: 0, max: data.sizes.length - 1, value: place}, value => {
  place = value;
  showSize();
  drawLines();
});
// The slider counts places; what is read is the size.
function showSize() {
  sizes.querySelector("output").textContent = data.sizes[place];
  sizes.querySelector("input").setAttribute("aria-valuetext", data.sizes[place]);
}
showSize();
lines.querySelector("svg").replaceWith(picture);
lines.append(make("div", {class: "controls"}, sizes,
  choice("gates begin", starts, start, value => { start = value; drawLines(); })), readout);
atWidth(lines, drawLines);

// The second figure: n times the same number, multiplied and added.
let number = data.number, count = data.count, wideBelow = 900;
const below = make("svg", {role: "img", "font-size": 14, style: "display: block; width: 100%"});
const result = make("p", {id: "result", "aria-live": "polite"});

function drawProduct(width = wideBelow) {
  wideBelow = width;
  const counts = Array.from({length: count}, (_, n) => n + 1);
  const product = number ** count, sum = number * count;
  const {x} = chart(below, width, 260, 1, Math.max(count, 2), [
    {name: "sum", colour: "var(--ink)", dash: "7 5", values: counts.map(n => number * n)},
    {name: "product", colour: "var(--ink)", values: counts.map(n => number ** n)},
  ], `${count} times ${number}: the product is ${norm(product)}, the sum ${told(sum, 1)}`, [-9, 6]);
  for (const n of [1, Math.ceil(count / 2), count]) below.append(words(x(n), 236, String(n), {"text-anchor": "middle"}));
  below.append(words((x(1) + x(Math.max(count, 2))) / 2, 256, "n", {"text-anchor": "middle"}));
  result.replaceChildren(`${count} times ${number}: the product is `, make("b", {id: "of-product"}, norm(product)), ", the sum is ",
    make("b", {id: "of-sum"}, told(sum, 1)), ". The gradient at the first number is ", make("b", {id: "gradient"}, norm(number ** (count - 1))),
    " for the product, and ", make("b", {}, "1"), " for the sum.");
}

second.querySelector("svg").replaceWith(below);
second.append(make("div", {class: "controls"},
  slider("number", {min: 0.1, max: 1.5, step: 0.1, value: number}, value => { number = value; drawProduct(); }),
  slider("n", {min: 2, max: 50, value: count}, value => { count = value; drawProduct(); })), result);
atWidth(second, drawProduct);
