// Where the decoder looked: at each subword that it wrote, and at each word of a caption.
const figure = document.getElementById("figure"), caption = figure.querySelector("figcaption");
const WIDTH = 900, LEFT = 150, TOP = 110, HIGH = 24, LINES = 190;
let sentence = data.sentences[0], step = 0;

function show() {
  const {read, written, weights} = sentence, wide = (WIDTH - LEFT) / read.length;
  const middle = column => LEFT + wide * (column + 0.5);
  lines.replaceChildren(make("title", {}, `What was read when ${written[step]} was written`));
  read.forEach((piece, column) => {
    const weight = weights[step][column];
    lines.append(
      make("line", {x1: middle(column), y1: 56, x2: WIDTH / 2, y2: LINES - 34, stroke: "var(--output)", "stroke-width": 0.5 + 14 * weight, "stroke-opacity": 0.15 + 0.85 * weight}),
      make("text", {x: middle(column), y: 46, "text-anchor": "middle", fill: "var(--input)", "font-weight": weight > 0.2 ? 700 : 400}, piece),
      make("text", {x: middle(column), y: 22, "text-anchor": "middle", fill: "var(--faint)", "font-size": 13, "data-weight": column}, weight.toFixed(2)));
  });
  lines.append(make("text", {x: WIDTH / 2, y: LINES - 12, "text-anchor": "middle", fill: "var(--output)", "font-size": 20, "font-weight": 700}, written[step]));
  table.setAttribute("viewBox", `0 0 ${WIDTH} ${TOP + HIGH * written.length + 4}`);
  table.replaceChildren(make("title", {}, caption.textContent));
  read.forEach((piece, column) => table.append(make("text", {transform: `translate(${middle(column)} ${TOP - 8}) rotate(-35)`, fill: "var(--input)"}, piece)));
  written.forEach((piece, row) => {
    const y = TOP + HIGH * row;
    weights[row].forEach((weight, column) => table.append(make("rect", {x: middle(column) - wide / 2, y, width: wide, height: HIGH, fill: "var(--output)", "fill-opacity": row > step ? weight / 3 : weight})));
    table.append(make("text", {x: LEFT - 8, y: y + 17, "text-anchor": "end", fill: "var(--output)", "fill-opacity": row > step ? 0.5 : 1}, piece));
    const here = make("rect", {x: 0, y, width: WIDTH, height: HIGH, fill: "transparent", stroke: row === step ? "var(--ink)" : "none", "stroke-width": 2});
    here.addEventListener("click", () => go(row));
    table.append(here);
  });
  const most = weights[step].indexOf(Math.max(...weights[step]));
  const before = written.slice(0, step).join("").replaceAll("▁", " ").trim();
  said.replaceChildren(`Step ${step + 1} of ${written.length}. `, before ? `Written so far: “${before}”. ` : "Nothing is written yet. ", "Next comes ",
    make("b", {class: "output", id: "written"}, written[step]), ", and most of the attention, ", make("b", {id: "most"}, weights[step][most].toFixed(2)), ", is on ", make("b", {class: "input", id: "on"}, read[most]), ".");
  caption.textContent = `“${sentence.text}” translated into “${sentence.said}”. Above: the step that is chosen; lines are as strong as its weights. Below: all steps, a row for each subword written; those that come after the chosen one are pale. ▁ stands for the space before a word.`;
}

function go(to) {
  step = Math.min(Math.max(to, 0), sentence.written.length - 1);
  show();
}

const lines = make("svg", {viewBox: `0 0 ${WIDTH} ${LINES}`, role: "img", "font-size": 15, style: "min-width: 560px"});
const table = make("svg", {viewBox: `0 0 ${WIDTH} 300`, role: "img", tabindex: 0, "font-size": 15, style: "min-width: 560px", id: "matrix"});
table.addEventListener("keydown", event => {
  const by = {ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1}[event.key];
  if (!by) return;
  event.preventDefault();
  go(step + by);
});
const said = make("p", {id: "numbers", "aria-live": "polite"});
const select = make("select", {"aria-label": "sentence", id: "sentence"}, ...data.sentences.map((each, number) => make("option", {value: number}, each.text)));
select.addEventListener("change", () => { sentence = data.sentences[select.value]; go(0); });
const controls = make("div", {class: "controls"}, make("label", {}, "read", select), button("step back", () => go(step - 1)), button("next step", () => go(step + 1)), button("to the beginning", () => go(0)));
figure.querySelector("svg").replaceWith(controls, said, lines, table);
show();

// The scenes.
const place = document.getElementById("scenes");
let scene = data.scenes[0], word = 2;

function light() {
  const weights = scene.weights[word], largest = Math.max(...weights.flat()), side = 288 / weights.length;
  picture.replaceChildren(
    make("title", {}, `Where the decoder looked for ${scene.words[word]}`),
    make("image", {href: scene.image, width: 288, height: 288, style: "image-rendering: pixelated"}),
    ...weights.flatMap((row, y) => row.map((weight, x) => make("rect", {x: x * side, y: y * side, width: side, height: side, fill: "black", "fill-opacity": 0.8 * (1 - weight / largest), "data-weight": weight},
      make("title", {}, weight.toFixed(3))))));
  words.replaceChildren(...scene.words.map((each, number) => {
    const one = button(each, () => { word = number; light(); });
    one.setAttribute("aria-pressed", number === word);
    return one;
  }));
  looked.textContent = `When it wrote “${scene.words[word]}”, the place that it looked at most had the weight ${largest.toFixed(2)}; all ${weights.flat().length} places together have 1.`;
}

const picture = make("svg", {viewBox: "0 0 288 288", role: "img", style: "width: 288px; max-width: 100%", id: "scene"});
const words = make("div", {role: "group", "aria-label": "word", class: "group", id: "words"}), looked = make("p", {class: "facts", "aria-live": "polite"});
const scenes = buttonGroup("scene", data.scenes.map((_, number) => `scene ${number + 1}`), "scene 1", name => { scene = data.scenes[Number(name.slice(6)) - 1]; word = Math.min(word, scene.words.length - 1); light(); });
place.replaceChildren(make("div", {class: "controls"}, scenes), picture, words, looked);
light();
