// The language model itself runs here: each step reads a character, and of what comes next one is drawn.
const figure = document.getElementById("figure");
const caption = figure.querySelector("figcaption");
const COLUMNS = 17, WIDTH = 900, HEIGHT = 335, WIDE = WIDTH / COLUMNS, LIKELIEST = 5, BARS = 24, LONGEST = 400;
const START = 0, UNKNOWN = 1; // they are no text, and are never written
const vectors = unpack(data.vectors), V = unpack(data.logits.V), bias = unpack(data.logits.b).values;
const layers = data.layers.map(({U, W, b}) => ({U: unpack(U), W: unpack(W), b: unpack(b)}));
const numberOf = new Map(data.vocabulary.map((token, number) => [token, number]));
let prompt = data.prompt, count = data.written, temperature = data.temperature, dice = data.dice;
let steps = [], chosen = 0, first = 0;

// A token and the states before it -> the logits of the next token, and the states after it.
function read(token, states) {
  let x = vectors.values.subarray(token * vectors.shape[1], (token + 1) * vectors.shape[1]);
  const after = layers.map((weights, layer) => {
    const step = lstmStep(x, states[layer], weights);
    x = step.h;
    return step;
  });
  return [addProduct(Float64Array.from(bias), x, V), after];
}

function softmax(logits) {
  const possible = logits.map((logit, token) => token > UNKNOWN ? logit / temperature : -Infinity);
  const largest = Math.max(...possible);
  const weights = possible.map(logit => Math.exp(logit - largest));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map(weight => weight / total);
}

// The token in whose share of the line from 0 to 1 the random number falls.
function draw(shares, die) {
  let sum = 0, last = 0;
  for (let token = 0; token < shares.length; token++) {
    if (shares[token] > 0) last = token;
    sum += shares[token];
    if (sum > die) return token;
  }
  return last;
}

// Read the beginning, then write. What the beginning left in the states is kept for the next time.
let remembered = {};
function write() {
  const given = [START, ...Array.from(prompt, character => numberOf.get(character) ?? UNKNOWN)];
  if (remembered.prompt !== prompt) {
    let states = layers.map(({W}) => noMemory(W.shape[0])), logits;
    const all = given.map(token => {
      [logits, states] = read(token, states);
      return logits;
    });
    remembered = {prompt, all, states};
  }
  let states = remembered.states;
  steps = remembered.all.map((logits, place) => ({token: given[place], logits, next: given[place + 1]}));
  for (let written = 0; ; written++) {
    const step = steps.at(-1);
    step.shares = softmax(step.logits);
    step.die = dice[written];
    step.next = draw(step.shares, step.die);
    if (written === count) break;
    const [logits, after] = read(step.next, states);
    states = after;
    steps.push({token: step.next, logits});
  }
  for (const step of steps) step.shares ??= softmax(step.logits);
  show(Math.min(chosen, steps.length - 1));
}

const sign = token => ({"": "start", " ": "␣", "\n": "⏎"})[data.vocabulary[token]] ?? data.vocabulary[token];
const likeliest = (shares, how) => Array.from(shares.keys()).sort((a, b) => shares[b] - shares[a]).slice(0, how);
const letter = (token, x, y) => make("text", {x, y, "text-anchor": "middle", fill: "var(--ink)"}, sign(token));

function show(place) {
  chosen = place;
  if (chosen < first || chosen >= first + COLUMNS) first = chosen - (COLUMNS >> 1);
  first = Math.max(0, Math.min(first, steps.length - COLUMNS));
  drawColumns();
  drawDistribution();
  writeText();
}

function drawColumns() {
  picture.replaceChildren(make("title", {}, caption.textContent));
  steps.slice(first, first + COLUMNS).forEach((step, column) => {
    const place = first + column, middle = WIDE * (column + 0.5), written = place >= Array.from(prompt).length;
    if (place === chosen) picture.append(make("rect", {x: WIDE * column, y: 0, width: WIDE, height: HEIGHT, fill: "var(--panel)"}));
    if (column) picture.append(make("line", {x1: middle - WIDE + 18, x2: middle - 18, y1: 244, y2: 244, stroke: "var(--state)", "stroke-width": 3}));
    for (const [from, to] of [[300, 260], [228, 192]]) picture.append(make("line", {x1: middle, x2: middle, y1: from, y2: to, stroke: "var(--faint)"}));
    // Where another one than the likeliest comes next, it stands on top of them.
    [...new Set([...likeliest(step.shares, LIKELIEST), step.next])].forEach((token, rank) => {
      const y = 160 - 30 * rank, next = token === step.next;
      picture.append(
        make("rect", {x: middle - 18, y, width: 36, height: 28, rx: 4, fill: "var(--output)", "fill-opacity": step.shares[token] * 0.8, stroke: next ? "var(--ink)" : "var(--line)", "stroke-width": next ? 2 : 1}),
        letter(token, middle, y + 20));
      // The way back: out of the drawn character, and into the next step.
      if (next && written && column < COLUMNS - 1) picture.append(make("path", {
        d: `M${middle + 18} ${y + 14} C${middle + 30} ${y + 14} ${middle + 26} 230 ${middle + 26} 260 S${middle + 20} 316 ${middle + WIDE - 19} 314`,
        fill: "none", stroke: "var(--output)", "stroke-width": 1.5, "stroke-dasharray": "4 3"}));
    });
    picture.append(
      make("rect", {x: middle - 18, y: 230, width: 36, height: 28, rx: 4, fill: "var(--state)"}),
      make("rect", {x: middle - 18, y: 300, width: 36, height: 28, rx: 4, fill: "var(--paper)", stroke: "var(--input)", "stroke-width": 2}),
      letter(step.token, middle, 320));
    const here = make("rect", {x: WIDE * column, y: 0, width: WIDE, height: HEIGHT, fill: "transparent"});
    here.addEventListener("pointerenter", () => { if (chosen !== place) show(place); });
    here.addEventListener("click", () => show(place));
    picture.append(here);
  });
}

// All of the chosen step's distribution: as bars, and as the line on which the random number falls.
function drawDistribution() {
  const step = steps[chosen], wide = WIDTH / BARS, written = step.die !== undefined;
  bars.replaceChildren(make("title", {}, `The likeliest next characters at step ${chosen + 1}`));
  likeliest(step.shares, BARS).forEach((token, rank) => {
    const share = step.shares[token], high = 110 * share, x = wide * rank;
    bars.append(
      make("rect", {x: x + 4, y: 130 - high, width: wide - 8, height: Math.max(high, 0.5), fill: "var(--output)", stroke: token === step.next ? "var(--ink)" : "none", "stroke-width": 2}),
      letter(token, x + wide / 2, 148),
      make("text", {x: x + wide / 2, y: 124 - high, "text-anchor": "middle", "font-size": 11, fill: "var(--faint)", "data-token": token, "data-share": share},
        share < 0.001 ? "" : share.toFixed(share < 0.1 ? 3 : 2)));
  });
  if (written) {
    let left = 0;
    step.shares.forEach((share, token) => {
      if (share * WIDTH > 0.5) {
        bars.append(make("rect", {x: left * WIDTH, y: 178, width: share * WIDTH, height: 26, fill: "var(--output)", "fill-opacity": token === step.next ? 0.9 : 0.3, stroke: "var(--paper)"}));
        if (share * WIDTH > 16) bars.append(letter(token, (left + share / 2) * WIDTH, 196));
      }
      left += share;
    });
    const x = step.die * WIDTH;
    bars.append(
      make("path", {d: `M${x} 208 l-7 12 h14 z`, fill: "var(--ink)"}),
      make("text", {x: Math.min(Math.max(x, 60), WIDTH - 60), y: 236, "text-anchor": "middle", fill: "var(--ink)"}, `drawn: ${told(step.die)}`));
  }
  explained.replaceChildren(
    `After “${tail(chosen)}” `, written ? "the draw gives " : "the text goes on with ",
    make("b", {class: "output", id: "next"}, sign(step.next)), `, which had the probability ${told(step.shares[step.next])} at temperature ${temperature}. `,
    likeliest(step.shares, 1)[0] === step.next ? "It was the likeliest one." : `The likeliest was ${sign(likeliest(step.shares, 1)[0])} with ${told(Math.max(...step.shares))}.`);
}

const tail = place => steps.slice(1, place + 1).map(step => data.vocabulary[step.token]).join("").slice(-20).replaceAll("\n", "⏎");

function writeText() {
  const strange = [...new Set(prompt)].filter(character => !numberOf.has(character));
  text.replaceChildren(...steps.slice(1).map((step, place) => {
    const written = place >= Array.from(prompt).length;
    const span = make("span", {style: `color: var(--${written ? "output" : "input"})` + (place === chosen ? "; outline: 2px solid var(--ink)" : "")}, data.vocabulary[step.token]);
    span.addEventListener("click", () => show(place));
    return span;
  }));
  note.textContent = strange.length ? `The network never met ${strange.join(" ")} in training, and reads it as unknown.` : "";
}

const picture = make("svg", {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", tabindex: 0, "font-size": 15, style: "min-width: 640px"});
picture.addEventListener("keydown", event => {
  const by = {ArrowLeft: -1, ArrowRight: 1}[event.key];
  if (by) {
    event.preventDefault();
    show(Math.min(Math.max(chosen + by, 0), steps.length - 1));
  }
});
const bars = make("svg", {viewBox: `0 0 ${WIDTH} 245`, role: "img", "font-size": 15, style: "min-width: 640px"});
const explained = make("p", {id: "numbers", "aria-live": "polite"});
const text = make("p", {class: "joined", id: "text"}), note = make("p", {class: "facts"});
const box = make("input", {type: "text", id: "prompt", size: 30, value: prompt, "aria-label": "beginning"});
box.addEventListener("input", () => {
  prompt = box.value;
  write();
});
const more = by => () => {
  count = Math.min(count + by, LONGEST - 1);
  chosen = LONGEST + prompt.length; // the last one
  write();
};
const controls = make("div", {class: "controls"},
  make("label", {}, "beginning", box),
  slider("temperature", {min: 0.1, max: 2, step: 0.05, value: temperature}, value => { temperature = value; write(); }),
  button("draw anew", () => { dice = dice.map(Math.random); write(); }),
  button("one character more", more(1)), button("fifty more", more(50)));
figure.querySelector("svg").replaceWith(picture);
figure.append(controls, explained, bars, text, note);
chosen = first = Array.from(prompt).length;
write();
