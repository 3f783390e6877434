// Which outputs each input changes, as it was found in the networks; and another cell in all of them.
const figure = document.getElementById("figure");
const patterns = [...figure.querySelectorAll("[data-pattern]")];
const most = Math.max(...Object.values(data.changes).map(changes => changes.length));

// Leave an input and what it changes bright: 1 is the first input, 0 none.
function light(chosen) {
  for (const pattern of patterns) {
    const changes = data.changes[pattern.dataset.pattern][chosen - 1];
    for (const box of pattern.querySelectorAll("[data-input]")) {
      box.style.opacity = !chosen || Number(box.dataset.input) === chosen - 1 ? 1 : 0.2;
    }
    for (const box of pattern.querySelectorAll("[data-output]")) {
      box.style.opacity = !chosen || changes?.includes(Number(box.dataset.output)) ? 1 : 0.2;
    }
  }
}

const chosen = slider("changed input", {min: 0, max: most, value: 0}, light);
const input = chosen.querySelector("input");
for (const box of figure.querySelectorAll("[data-input]")) {
  box.addEventListener("pointerenter", () => {
    input.value = Number(box.dataset.input) + 1;
    input.dispatchEvent(new Event("input"));
  });
}
const cells = choice("cell", Object.keys(data.weights), "lstm", cell => {
  for (const pattern of patterns) {
    const weights = data.weights[cell][pattern.dataset.pattern];
    pattern.querySelector(".weights").textContent = weights.toLocaleString("en");
  }
});
const forward = make("input", {type: "checkbox"});
forward.addEventListener("change", () => {
  for (const pattern of patterns) {
    if (!pattern.dataset.pattern.startsWith("frame_labeling")) continue;
    pattern.hidden = pattern.dataset.pattern.endsWith("_forward") !== forward.checked;
  }
});
figure.append(make("div", {class: "controls"}, chosen, cells,
  make("label", {}, forward, "label frames as they come (--direction forward)")));
