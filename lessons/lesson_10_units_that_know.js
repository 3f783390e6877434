// A text coloured by one unit, and the map of all units by how well they tell a property.
const figure = document.getElementById("figure");
const caption = figure.querySelector("figcaption");
const {shape: [, LAYERS, UNITS], values: activations} = unpack(data.units);
const shapes = Object.fromEntries(Object.entries(data.shapes).map(([name, packed]) => [name, unpack(packed)]));
const WIDTH = 900, LEFT = 70, SIDE = (WIDTH - LEFT) / 64, BINS = 20;
let property = Object.keys(data.scores)[0], [layer, unit] = data.best[property], place = 0;

const activation = at => activations[(at * LAYERS + layer) * UNITS + unit] / 127;
// Counted, and not a question of yes or no.
const counted = () => data.here[property].some(value => value > 1);

function show() {
  const [atFirst, then] = data.scores[property].map(scores => scores[layer][unit]);
  spans.forEach((span, at) => {
    const value = activation(at);
    span.style.background = `color-mix(in srgb, var(--${value > 0 ? "state" : "below"}) ${((value > 0 ? 50 : 55) * Math.abs(value)).toFixed(0)}%, transparent)`;
    span.style.outline = at === place ? "2px solid var(--ink)" : "none";
  });
  caption.textContent = `The text, coloured by what unit ${unit + 1} of layer ${layer + 1} does after each character: green where it is above zero, violet where it is below.`;
  score.replaceChildren(`Unit ${unit + 1} of layer ${layer + 1} tells “${property}” with the score `, make("b", {id: "score"}, then.toFixed(3)),
    `; on the first half, on which units were chosen, it had ${Math.abs(atFirst).toFixed(3)}.`);
  const truth = data.here[property][place];
  numbers.replaceChildren(`After “${data.text.slice(Math.max(place - 12, 0), place + 1).replaceAll("\n", "⏎")}” the unit is at `,
    make("b", {class: "state", id: "activation"}, activation(place).toFixed(2)), `. ${property}: `, make("b", {}, counted() ? String(truth) : truth ? "yes" : "no"), ".");
  drawMap();
  drawShapes();
}

function pick(newLayer, newUnit) {
  layer = Math.min(Math.max(newLayer, 0), LAYERS - 1);
  unit = Math.min(Math.max(newUnit, 0), UNITS - 1);
  show();
}

// A square for each unit; the stronger its colour, the better it tells the property.
function drawMap() {
  const rows = Math.ceil(UNITS / 64), high = rows * SIDE + 10;
  map.setAttribute("viewBox", `0 0 ${WIDTH} ${LAYERS * high}`);
  map.replaceChildren(make("title", {}, `All units: how well each tells “${property}”`));
  for (let row = 0; row < LAYERS; row++) {
    map.append(make("text", {x: 0, y: row * high + 14, fill: "var(--faint)"}, `layer ${row + 1}`));
    data.scores[property][1][row].forEach((value, column) => {
      const x = LEFT + column % 64 * SIDE, y = row * high + Math.floor(column / 64) * SIDE, chosen = row === layer && column === unit;
      const square = make("rect", {x: x + 1, y: y + 1, width: SIDE - 2, height: SIDE - 2, fill: "var(--state)", "fill-opacity": Math.max(value, 0.02), stroke: chosen ? "var(--ink)" : "var(--line)", "stroke-width": chosen ? 2.5 : 0.5},
        make("title", {}, `layer ${row + 1}, unit ${column + 1}: ${value.toFixed(3)}`));
      square.addEventListener("click", () => pick(row, column));
      map.append(square);
    });
  }
}

// How the activations lie where the property is there and where it isn't; or along the line.
function drawShapes() {
  const {values} = shapes[property], begin = (layer * UNITS + unit) * 2 * BINS, wide = (WIDTH - 2 * LEFT) / BINS, high = 130;
  picture.replaceChildren(make("title", {}, "What the unit does where the property is there, and where it isn't"));
  const y = value => 10 + high * (1 - value / 255);
  const outline = which => Array.from({length: BINS}, (_, bin) => `${LEFT + wide * bin},${y(values[begin + which * BINS + bin])} ${LEFT + wide * (bin + 1)},${y(values[begin + which * BINS + bin])}`).join(" ");
  picture.append(make("line", {x1: LEFT, x2: WIDTH - LEFT, y1: 10 + high, y2: 10 + high, stroke: "var(--faint)"}));
  if (counted()) {
    picture.append(make("polyline", {points: outline(0), fill: "none", stroke: "var(--state)", "stroke-width": 3}));
    for (const [value, text] of [[255, "1"], [127.5, "0"], [0, "−1"]]) picture.append(make("text", {x: LEFT - 10, y: y(value) + 5, "text-anchor": "end", fill: "var(--faint)"}, text));
    for (const part of [0, 0.25, 0.5, 0.75, 1]) picture.append(make("text", {x: LEFT + part * (WIDTH - 2 * LEFT), y: high + 30, "text-anchor": "middle", fill: "var(--faint)"}, String(part * data.longest)));
    shapesLegend.textContent = "Its mean activation over the position in the line, in characters, on the second half of the text.";
    return;
  }
  const closed = which => `${LEFT},${y(0)} ${outline(which)} ${WIDTH - LEFT},${y(0)}`;
  picture.append(
    make("polygon", {points: closed(0), fill: "var(--faint)", "fill-opacity": 0.35, stroke: "var(--faint)"}),
    make("polygon", {points: closed(1), fill: "var(--state)", "fill-opacity": 0.45, stroke: "var(--state)", "stroke-width": 2}));
  for (const value of [-1, -0.5, 0, 0.5, 1]) picture.append(make("text", {x: LEFT + (value + 1) / 2 * (WIDTH - 2 * LEFT), y: high + 30, "text-anchor": "middle", fill: "var(--faint)"}, String(value).replace("-", "−")));
  shapesLegend.textContent = "How often the unit takes each activation, on the second half of the text. Green: where the property is there. Grey: where it isn't. Each shape is as high as the other.";
}

const spans = Array.from(data.text, (character, at) => {
  const span = make("span", {}, character);
  for (const kind of ["pointerenter", "click"]) span.addEventListener(kind, () => { place = at; show(); });
  return span;
});
const text = make("p", {class: "joined", id: "text", tabindex: 0, style: "font-size: .82rem; line-height: 1.55"}, ...spans);
text.addEventListener("keydown", event => {
  const by = {ArrowLeft: -1, ArrowRight: 1}[event.key];
  if (!by) return;
  event.preventDefault();
  place = Math.min(Math.max(place + by, 0), data.text.length - 1);
  show();
});
const map = make("svg", {viewBox: "0 0 900 80", role: "img", tabindex: 0, "font-size": 15, style: "min-width: 640px", id: "map"});
map.addEventListener("keydown", event => {
  const by = {ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0]}[event.key];
  if (!by) return;
  event.preventDefault();
  pick(layer + by[0], unit + by[1]);
});
const picture = make("svg", {viewBox: `0 0 ${WIDTH} 170`, role: "img", "font-size": 14, style: "min-width: 640px"});
const score = make("p", {"aria-live": "polite"}), numbers = make("p", {id: "numbers", "aria-live": "polite"}), shapesLegend = make("p", {class: "facts"});
const controls = make("div", {class: "controls"}, buttonGroup("property", Object.keys(data.scores), property, name => {
  property = name;
  pick(...data.best[name]);
}));
figure.querySelector("svg").replaceWith(controls, score, map, text, numbers);
figure.append(picture, shapesLegend);
show();
