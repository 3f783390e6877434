// The state of one unit over a long text, once with each country; and how far apart all states are.
const [across, apart] = ["across", "apart"].map(name => document.getElementById(name));
const WIDTH = 900, LEFT = 60, RIGHT = 800, HIGH = 260, COUNTRY = 4;
const lines = Object.fromEntries(Object.entries(data.lines).map(([cell, packed]) => [cell, unpack(packed)]));
const wide = (RIGHT - LEFT) / data.words.length, x = place => LEFT + wide * (place + 0.5);
let cell = "lstm", country = 0, rank = 0, place = COUNTRY;

// The state of the shown unit at a word of the text that begins with a country.
function state(country, place) {
  const {shape: [, words, units], values} = lines[cell];
  return values[(country * words + place) * units + rank];
}

function show() {
  const everything = data.countries.flatMap((_, country) => data.words.map((_, place) => state(country, place)));
  const largest = Math.max(...everything.map(Math.abs), 1e-9), y = value => HIGH / 2 - value / largest * (HIGH / 2 - 14);
  const colour = cell === "lstm" ? "var(--cell-state)" : "var(--state)";
  picture.replaceChildren(make("title", {}, caption.textContent));
  for (const value of [-largest, 0, largest]) picture.append(
    make("line", {x1: LEFT, x2: RIGHT, y1: y(value), y2: y(value), stroke: "var(--line)"}),
    make("text", {x: LEFT - 8, y: y(value) + 5, "text-anchor": "end", fill: "var(--faint)"}, told(value, 1)));
  const order = data.countries.map((_, each) => each).sort((a, b) => (a === country) - (b === country));
  for (const each of order) {
    const points = data.words.map((_, at) => `${x(at)},${y(state(each, at))}`).join(" ");
    const chosen = each === country;
    picture.append(make("polyline", {points, fill: "none", stroke: chosen ? "var(--input)" : colour, "stroke-width": chosen ? 3 : 1.5, "stroke-opacity": chosen ? 1 : 0.6, "data-country": data.countries[each]}));
  }
  // Labels at the end of the lines, moved apart where they would overlap.
  let last = -20;
  for (const each of [...order].sort((a, b) => state(b, data.words.length - 1) - state(a, data.words.length - 1))) {
    last = Math.min(Math.max(y(state(each, data.words.length - 1)) + 5, last + 15), HIGH + 40);
    picture.append(make("text", {x: RIGHT + 6, y: last, "font-size": 13, fill: each === country ? "var(--input)" : "var(--faint)", "font-weight": each === country ? 600 : 400}, data.countries[each]));
  }
  picture.append(make("line", {x1: x(place), x2: x(place), y1: 0, y2: HIGH, stroke: "var(--ink)", "stroke-dasharray": "3 3"}));
  const [unit, carried] = data.carried[cell][rank];
  said.textContent = `Unit ${unit} of the ${cell}. On ${data.measured} other test texts, at the word where it is least, `
    + `${(100 * carried).toFixed(1)} % of the differences of this unit hang on the country.`;
  const word = place === COUNTRY ? data.countries[country] : data.words[place];
  numbers.replaceChildren(`After word ${place + 1}, `, make("b", {class: "input"}, word), `: the state is `,
    make("b", {id: "state"}, told(state(country, place))), ` where the text began with ${data.countries[country]}. `,
    `In the ${cell}, the eight states are ${told(data.distances[cell][place])} times as far apart as at the country.`);
  text.replaceChildren(...data.words.flatMap((word, at) => {
    const mark = at === place ? "outline: 2px solid var(--ink)" : at === COUNTRY ? "color: var(--input); font-weight: 600" : "";
    const span = make("span", {style: mark}, at === COUNTRY ? data.countries[country] : word);
    span.addEventListener("click", () => { place = at; show(); });
    return [span, " "];
  }));
}

const caption = across.querySelector("figcaption");
caption.textContent = "The state of one unit over the text, once with each of the eight countries at its beginning: eight lines, and the chosen country in red.";
const picture = make("svg", {viewBox: `0 0 ${WIDTH} ${HIGH + 10}`, role: "img", tabindex: 0, "font-size": 15, style: "min-width: 640px", id: "lines"});
picture.addEventListener("pointermove", event => {
  const box = picture.getBoundingClientRect();
  const at = Math.floor(((event.clientX - box.left) * WIDTH / box.width - LEFT) / wide);
  if (at >= 0 && at < data.words.length && at !== place) { place = at; show(); }
});
picture.addEventListener("keydown", event => {
  const by = {ArrowLeft: -1, ArrowRight: 1}[event.key];
  if (!by) return;
  event.preventDefault();
  place = Math.min(Math.max(place + by, 0), data.words.length - 1);
  show();
});
const numbers = make("p", {id: "numbers", "aria-live": "polite"}), said = make("p", {class: "facts", id: "unit"});
const text = make("p", {class: "tokens", style: "font-size: .85rem; line-height: 1.7"});
const select = make("select", {"aria-label": "country"}, ...data.countries.map((name, number) => make("option", {value: number}, name)));
select.addEventListener("change", () => { country = Number(select.value); show(); });
const controls = make("div", {class: "controls"}, "cell", buttonGroup("cell", Object.keys(lines), cell, name => { cell = name; show(); }),
  make("label", {}, "country", select),
  slider("unit, by how much it carries", {min: 1, max: data.carried.lstm.length, step: 1, value: 1}, value => { rank = value - 1; show(); }));
across.querySelector("svg").replaceWith(controls, picture);
across.append(numbers, said, text);
show();
