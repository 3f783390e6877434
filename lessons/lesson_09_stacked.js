// What the probes on both layers answer at each character of a piece of text.
const answers = document.getElementById("answers");
const sign = answer => ({" ": "a space", "\n": "the end of a line", "": "nothing"})[answer] ?? answer;
let question = data.questions.at(-1), place = 0;

function show() {
  paragraphs.forEach((spans, layer) => spans.forEach((span, at) => {
    const right = question.given[layer][at] === question.right[at];
    span.style.background = `color-mix(in srgb, var(--${right ? "state" : "below"}) ${right ? 30 : 55}%, transparent)`;
    span.style.outline = at === place ? "2px solid var(--ink)" : "none";
    span.dataset.right = right;
  }));
  const said = layer => sign(question.classes[question.given[layer][place]]);
  numbers.replaceChildren(make("b", {}, question.question), ` After “${data.text.slice(Math.max(place - 12, 0), place + 1).replaceAll("\n", "⏎")}” the right answer is `,
    make("b", {id: "right"}, sign(question.classes[question.right[place]])), ". Layer 1: ", make("b", {class: "state"}, said(0)), ". Layer 2: ", make("b", {class: "state"}, said(1)), ".");
  const share = layer => `${(100 * question.right.filter((right, at) => right === question.given[layer][at]).length / question.right.length).toFixed(1)} %`;
  shares.textContent = `In this piece layer 1 is right at ${share(0)} of the characters, layer 2 at ${share(1)}. Green: right. Violet: wrong.`;
}

const numbers = make("p", {id: "numbers", "aria-live": "polite"}), shares = make("p", {class: "facts", id: "shares"});
const paragraphs = [0, 1].map(() => Array.from(data.text, (character, at) => {
  const span = make("span", {}, character);
  for (const kind of ["pointerenter", "click"]) span.addEventListener(kind, () => { place = at; show(); });
  return span;
}));
const select = make("select", {"aria-label": "question", id: "question"}, ...data.questions.map((each, number) => make("option", {value: number}, each.question)));
select.value = data.questions.length - 1;
select.addEventListener("change", () => { question = data.questions[select.value]; show(); });
answers.append(make("div", {class: "controls"}, make("label", {}, "question", select)), numbers, shares);
paragraphs.forEach((spans, layer) => {
  const text = make("p", {class: "joined", tabindex: 0, style: "font-size: .82rem; line-height: 1.6"}, ...spans);
  text.addEventListener("keydown", event => {
    const by = {ArrowLeft: -1, ArrowRight: 1}[event.key];
    if (!by) return;
    event.preventDefault();
    place = Math.min(Math.max(place + by, 0), data.text.length - 1);
    show();
  });
  answers.append(make("div", {class: "facts"}, `Layer ${layer + 1}`), text);
});
show();
