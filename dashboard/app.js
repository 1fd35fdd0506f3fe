// The page: one view at a time, chosen by the address after the hash.

import { Refused } from "./api.js";
import { el, notice } from "./dom.js";
import { showCache } from "./cache.js";
import { watchFigures } from "./figures.js";
import { showLibrary } from "./library.js";
import { showSearch } from "./search.js";
import { showVideo } from "./video.js";

const VIEWS = { library: showLibrary, search: showSearch, video: showVideo, cache: showCache };

const main = document.getElementById("main");
const query = document.getElementById("query");
let current = null;

/** `#/video/ID?at=12.5` as { view, id, query }. */
function place() {
  const [path, rest = ""] = location.hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const [view = "", id = ""] = path.split("/");
  return { view: view || "library", id: decode(id), query: new URLSearchParams(rest) };
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function open() {
  const where = place();
  if (current?.view === where.view && current.id === where.id && current.shown?.update?.(where)) return;
  current?.shown?.close?.();
  const opening = { view: where.view, id: where.id, shown: null };
  current = opening;
  mark(where);
  main.replaceChildren();
  const view = VIEWS[where.view];
  try {
    if (!view) throw new Refused(404, "There is no such page.");
    const shown = await view(main, where);
    if (current === opening) opening.shown = shown;
    else shown?.close?.();
  } catch (error) {
    if (current === opening) main.replaceChildren(trouble(error));
  }
}

function mark(where) {
  document.title = "Rushes";
  if (where.view === "search") query.value = where.query.get("text") ?? "";
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.view === where.view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function trouble(error) {
  const gone = error instanceof Refused;
  return el("section", { class: "empty", role: "alert" },
    el("h1", {}, gone ? "That did not work" : "The server does not answer"),
    el("p", {}, error.message),
    el("p", {}, el("a", { href: "#/" }, "Back to the library")));
}

document.getElementById("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = query.value.trim();
  if (text) location.hash = `#/search?${new URLSearchParams({ text })}`;
});

const typing = (target) => target.closest?.("input, textarea, select, dialog[open]");

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && event.target === query) return query.blur();
  if (typing(event.target)) return;
  if (event.key === "/") {
    event.preventDefault();
    query.focus();
    query.select();
  } else if (current?.shown?.key?.(event)) {
    event.preventDefault();
  }
});

addEventListener("hashchange", open);
addEventListener("unhandledrejection", (event) => {
  if (event.reason?.name === "AbortError") return event.preventDefault();
  if (event.reason instanceof Refused) {
    event.preventDefault();
    notice(event.reason.message);
  }
});

watchFigures(document.getElementById("pulse"));
open();
