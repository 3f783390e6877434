// The table of runs: a click on a column's name sorts by it, a choice shows the runs of one recipe.
"use strict";
{
  const table = document.getElementById("runs");
  if (table) {
    const body = table.tBodies[0], headings = [...table.tHead.rows[0].cells];
    const key = (row, place) => row.cells[place].dataset.key;

    function sort(place) {
      const falling = headings[place].getAttribute("aria-sort") === "ascending";
      headings.forEach(heading => heading.removeAttribute("aria-sort"));
      headings[place].setAttribute("aria-sort", falling ? "descending" : "ascending");
      const ofNumbers = "number" in headings[place].dataset;
      const compare = (a, b) => ofNumbers ? a - b : a.localeCompare(b, undefined, {numeric: true});
      body.append(...[...body.rows].sort((one, other) => {
        const a = key(one, place), b = key(other, place);
        if (!a || !b) return Boolean(b) - Boolean(a); // what isn't known stays below
        return falling ? compare(b, a) : compare(a, b);
      }));
    }

    headings.forEach((heading, place) => {
      const button = document.createElement("button");
      button.textContent = heading.textContent;
      button.addEventListener("click", () => sort(place));
      heading.replaceChildren(button);
    });

    const choice = document.createElement("select"), label = document.createElement("label");
    choice.add(new Option("all recipes", ""));
    for (const recipe of new Set([...body.rows].map(row => row.dataset.recipe))) choice.add(new Option(recipe, recipe));
    choice.addEventListener("change", () => {
      for (const row of body.rows) row.hidden = Boolean(choice.value) && row.dataset.recipe !== choice.value;
    });
    label.append("show ", choice);
    document.getElementById("controls").append(label);
  }
}
