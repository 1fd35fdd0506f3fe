// Builds elements. Data reaches the page only as text nodes and attributes, never as markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || (value === false && !name.startsWith("aria-"))) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, it] of Object.entries(value)) node.style.setProperty(key, it);
    else if (name === "data") Object.assign(node.dataset, value);
    else node.setAttribute(name, value === true && !name.startsWith("aria-") ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** An HTML element; `on…` attributes are listeners, `style` and `data` are objects. */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** An SVG element, the same way. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** A button that is told apart by its words. */
export function button(label, onclick, attributes = {}, ...children) {
  return el("button", { type: "button", "aria-label": label, title: label, onclick, ...attributes }, ...children);
}

const ICONS = {
  play: "M7 4.500v15l13-7.500z",
  pause: "M7 5h4v14H7zM14 5h4v14h-4z",
  back: "M17 5v14l-9-7zM5 5h2.500v14H5z",
  forward: "M7 5v14l9-7zM16.500 5H19v14h-2.500z",
  copy: "M8 3h11v13h-3v-2h1V5h-7v1H8zM5 8h9v13H5zM7 10v9h5v-9z",
  boxes: "M4 4h7v2H6v5H4zM13 4h7v7h-2V6h-5zM4 13h2v5h5v2H4zM18 13h2v7h-7v-2h5z",
  minus: "M5 11h14v2H5z",
  plus: "M11 5h2v6h6v2h-6v6h-2v-6H5v-2h6z",
  fit: "M3 5h2v14H3zM19 5h2v14h-2zM10 8l-4 4 4 4v-3h4v3l4-4-4-4v3h-4z",
};

/** One of the page's few pictures. */
export function icon(name) {
  return svg("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));
}

let fading;

/** Says something in passing, to eyes and screen readers. */
export function notice(text) {
  const place = document.getElementById("notice");
  place.textContent = text;
  place.classList.add("shown");
  clearTimeout(fading);
  fading = setTimeout(() => place.classList.remove("shown"), 2600);
}

/** Copies text and says so. */
export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    notice(`Copied ${what}: ${text}`);
  } catch {
    notice(`Copying is not allowed here. ${what}: ${text}`);
  }
}
