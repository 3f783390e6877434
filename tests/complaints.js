// What is wrong with a page: a list of strings. Run by `complaints` in browser.py.
const numbers = text => text.match(/[-\d.]+(e-?\d+)?/g).map(Number);
const colour = text => {
  const found = numbers(text);
  if (text.startsWith("color(")) for (const i of [0, 1, 2]) found[i] *= 255;
  return found.length > 3 ? found : [...found, 1];
};
const over = ([r, g, b, a], below) => [r, g, b].map((value, i) => a * value + (1 - a) * below[i]);
const behind = element => {
  const own = element && colour(getComputedStyle(element).backgroundColor);
  if (!element) return [255, 255, 255];
  return own[3] === 1 ? own.slice(0, 3) : over(own, behind(element.parentElement));
};
const luminance = rgb => rgb.map(value => value / 255)
  .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
  .reduce((sum, value, i) => sum + value * [0.2126, 0.7152, 0.0722][i], 0);
const found = [];
const tell = (what, element) => found.push(
  `${what}: <${element.tagName} class="${element.className}"> ${element.textContent.trim().slice(0, 40)}`);
const width = document.documentElement.clientWidth;
if (document.documentElement.scrollWidth > width) found.push("the page scrolls sideways");
for (const element of document.querySelectorAll("body *")) {
  const frame = element.getBoundingClientRect();
  if (!frame.width || element.closest("svg") && element.tagName !== "svg") continue;
  if (frame.right > width + 1 && !element.parentElement.closest(".wide, pre")) tell("too wide", element);
  if (element.tagName === "IMG" && !element.hasAttribute("alt")) tell("no alternative text", element);
  if (element.tagName === "svg" && !element.hasAttribute("aria-hidden") && !element.querySelector("title"))
    tell("no title", element);
  if (["INPUT", "SELECT", "BUTTON"].includes(element.tagName)
      && !element.getAttribute("aria-label") && !element.labels?.length && !element.textContent)
    tell("no label", element);
  const text = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
  if (!text || element.tagName === "OPTION") continue;
  const below = behind(element), ink = over(colour(getComputedStyle(element).color), below);
  const [light, dark] = [luminance(ink), luminance(below)].sort((a, b) => b - a);
  const contrast = (light + 0.05) / (dark + 0.05);
  const least = element.getAttribute("aria-hidden") ? 3 : 4.5; // a mark, beside text that says the same
  if (contrast < least) tell(`contrast ${contrast.toFixed(2)}`, element);
}
return found;
