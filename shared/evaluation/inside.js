// Point at a step, pick a unit: what `inside.html` shows comes to life. All numbers are in the page.
"use strict";
{
  const HEIGHT = 100, STRONGEST = 35, ATTENTION = 55; // percent; as in inside.py and attention.py

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  // What stands behind a token: a colour, from none at 0 to as much as leaves it readable at 1.
  function tint(hue, strength, strongest) {
    return `color-mix(in srgb, var(--${hue}) ${(strongest * strength).toFixed(0)}%, transparent)`;
  }

  function bring(box) {
    const data = JSON.parse(box.querySelector("script").textContent);
    const steps = data.tokens.length, alone = steps === 1;
    const bytes = data.pictures.map(picture =>
      Uint8Array.from(atob(picture.values), letter => letter.charCodeAt(0)));
    const state = data.pictures.findIndex(picture => picture.name === data.state);
    const plots = [...box.querySelectorAll(".plot")];
    const linked = new Map();
    for (const each of document.querySelectorAll(`[data-of="${data.of}"][data-step]`)) {
      const step = Number(each.dataset.step);
      if (step >= steps) continue;
      linked.set(step, [...(linked.get(step) || []), each]);
      each.addEventListener("pointerenter", () => show(step, row));
      each.addEventListener("click", () => show(step, row));
    }
    const read = document.querySelector(`.read[data-of="${data.of}"]`); // a picture, read in steps
    const looked = document.querySelector(`.looked[data-of="${data.of}"]`); // what attention read
    const weights = looked && JSON.parse(looked.querySelector("script").textContent);
    let step = 0, row = data.telling[0], drawn = -1;

    // The value of a picture in one row at one step.
    function value(place, row, step) {
      const {low, high} = data.pictures[place];
      return low[row] + bytes[place][row * steps + step] / 255 * (high[row] - low[row]);
    }

    // What stands at the step; nothing where that is its number.
    function token(before = "") {
      return data.tokens[step] === String(step + 1) ? "" : before + data.tokens[step];
    }

    // A unit's line, as in inside.py.
    function line(place, row) {
      const {low, high, gate} = data.pictures[place];
      let top = high[row], bottom = low[row];
      if (!gate) bottom = -(top = Math.max(Math.abs(top), Math.abs(bottom), 1e-3));
      else if (top - bottom < 0.02) [bottom, top] = [(top + bottom) / 2 - 0.01, (top + bottom) / 2 + 0.01];
      const points = Array.from({length: steps}, (_, t) =>
        `${t + 0.5},${(HEIGHT * (top - value(place, row, t)) / (top - bottom)).toFixed(1)}`);
      return {points: points.join(" "), top: top.toFixed(2), bottom: bottom.toFixed(2)};
    }

    // All that hangs on the unit alone.
    function draw() {
      drawn = row;
      for (const each of box.querySelectorAll(".picked")) each.textContent = `unit ${data.units[row]}`;
      box.querySelectorAll(".map .row").forEach((strip, place) => {
        const {points, top, bottom} = line(place, row);
        strip.querySelector("polyline").setAttribute("points", points);
        strip.querySelector(".top").textContent = top;
        strip.querySelector(".bottom").textContent = bottom;
      });
      for (const each of box.querySelectorAll(".telling .row"))
        each.classList.toggle("lit", Number(each.dataset.row) === row);
      const flow = box.querySelectorAll(".flow span");
      const values = Array.from(flow, (_, t) => value(state, row, t));
      const largest = Math.max(...values.map(Math.abs), 1e-9);
      flow.forEach((token, t) => {
        token.style.background = tint(data.pictures[state][values[t] > 0 ? "hue" : "below"], Math.abs(values[t]) / largest, STRONGEST);
      });
    }

    function show(atStep, atRow) {
      for (const each of linked.get(step) || []) each.classList.remove("lit");
      step = Math.min(Math.max(atStep, 0), steps - 1);
      row = Math.min(Math.max(atRow, 0), data.units.length - 1);
      for (const each of linked.get(step) || []) each.classList.add("lit");
      if (row !== drawn) draw();
      const [place, count] = alone ? [row, data.units.length] : [step, steps];
      for (const mark of box.querySelectorAll(".mark:not(.across-row)")) {
        mark.style.left = `${100 * place / count}%`;
        mark.style.width = `${100 / count}%`;
      }
      for (const mark of box.querySelectorAll(".across-row")) {
        mark.style.top = `${100 * row / data.units.length}%`;
        mark.style.height = `${100 / data.units.length}%`;
      }
      if (read) {
        const {rows, columns} = read.dataset, mark = read.querySelector(".mark");
        mark.style.inset = `${100 * Math.floor(step / columns) / rows}% auto auto ${100 * (step % columns) / columns}%`;
        mark.style.width = `${100 / columns}%`;
        mark.style.height = `${100 / rows}%`;
      }
      if (looked) [...looked.querySelector(".tokens").children].forEach((token, place) => {
        token.style.background = tint("output", weights[step][place], ATTENTION);
      });
      slider.value = step + 1;
      chooser.value = row;
      numbers.replaceChildren(
        element("b", {}, alone ? `unit ${data.units[row]}` : `${data.each} ${step + 1}`),
        alone ? " " : `${token(" ")} · unit ${data.units[row]}: `,
        ...data.pictures.map((picture, place) => element("span", {"data-name": picture.name},
          element("i", {class: "swatch", style: `background: var(--${picture.hue})`}),
          ` ${picture.label.toLowerCase()} ${value(place, row, step).toFixed(3)}`)));
      const seen = (linked.get(step) || []).map(each => each.querySelector("img")).find(Boolean);
      if (seen) numbers.prepend(element("img", {src: seen.src, alt: ""}));
    }

    const slider = element("input", {type: "range", min: 1, max: steps, value: 1, "aria-label": data.each});
    slider.addEventListener("input", () => show(slider.value - 1, row));
    const option = (row, more = "") => element("option", {value: row}, `unit ${data.units[row]}${more}`);
    const inTurn = data.units.map((_, row) => row).sort((a, b) => data.units[a] - data.units[b]);
    const chooser = element("select", {"aria-label": "unit"},
      ...data.telling.map(row => option(row, ", tells much")),
      ...inTurn.filter(row => !data.telling.includes(row)).map(row => option(row)));
    chooser.addEventListener("change", () => show(step, Number(chooser.value)));
    const numbers = element("p", {"aria-live": "polite"});
    const controls = element("div", {class: "controls"}, element("label", {}, "unit ", chooser));
    if (!alone) controls.prepend(element("label", {}, `${data.each} `, slider));
    box.prepend(element("div", {class: "bar"}, controls, numbers));

    // Where the pointer is: a step and, on a heat map, a row.
    const near = element("div", {class: "pointer", hidden: ""});
    box.append(near);
    function located(event, place) {
      const frame = event.currentTarget.getBoundingClientRect();
      const along = (event.clientX - frame.left) / frame.width;
      if (alone) return [0, Math.floor(along * data.units.length)];
      const down = (event.clientY - frame.top) / frame.height;
      return [Math.floor(along * steps), place === undefined ? row : Math.floor(down * data.units.length)];
    }
    function follow(plot, place) {
      plot.addEventListener("pointermove", event => {
        const [t, r] = located(event, place).map(each => Math.max(each, 0));
        show(t, row);
        const at = Math.min(r, data.units.length - 1);
        near.textContent = `${alone ? "" : `${token() || `${data.each} ${step + 1}`} · `}unit ${data.units[at]}`
          + `: ${value(place ?? state, at, step).toFixed(3)}`;
        near.hidden = false;
        near.style.top = `${event.clientY + 14}px`;
        near.style.left = `${Math.min(event.clientX + 14, window.innerWidth - near.offsetWidth - 4)}px`;
      });
      plot.addEventListener("pointerleave", () => { near.hidden = true; });
      plot.addEventListener("click", event => show(...located(event, place)));
    }
    plots.forEach((plot, place) => {
      follow(plot, place);
      plot.append(element("i", {class: "mark"}));
      if (!alone) plot.append(element("i", {class: "mark across-row"}));
    });
    for (const strip of box.querySelectorAll(".row")) {
      strip.append(element("i", {class: "mark"}));
      strip.addEventListener("pointermove", event => show(located(event)[0], row));
    }
    for (const strip of box.querySelectorAll(".telling .row"))
      strip.addEventListener("click", event => show(located(event)[0], Number(strip.dataset.row)));
    if (read) {
      const {rows, columns} = read.dataset;
      read.append(element("i", {class: "mark"}));
      read.addEventListener("pointermove", event => {
        const frame = read.getBoundingClientRect();
        const place = (at, from, size, count) => Math.min(Math.floor((at - from) / size * count), count - 1);
        show(place(event.clientY, frame.top, frame.height, rows) * columns
          + place(event.clientX, frame.left, frame.width, columns), row);
      });
    }
    show(0, row);
  }

  document.querySelectorAll(".inside").forEach(bring);
}
