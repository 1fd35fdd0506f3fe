// Search over all videos: words that were seen or said, and classes of objects.

import * as api from "./api.js";
import { el } from "./dom.js";
import { clock, count, kindHue, kindName } from "./format.js";

/** Draws what was found for `?text=`. */
export async function showSearch(main, where) {
  const text = where.query.get("text") ?? "";
  const asked = new AbortController();
  const [said, seen] = await Promise.all([
    api.search({ text, limit: 50 }, asked.signal),
    api.search({ label: text.toLowerCase(), limit: 100 }, asked.signal),
  ]);
  const rows = [...said.items, ...runs(seen.items)];
  document.title = `${text} · Rushes`;
  main.append(
    el("h1", { class: "title" }, rows.length ? `“${text}”` : `Nothing found for “${text}”`),
    el("p", { class: "facts" }, summary(rows.length, said)),
    el("ol", { class: "results" }, rows.map(draw)));
  return { close: () => asked.abort() };
}

function summary(found, answer) {
  const more = answer.more ? ", best first; there are more" : "";
  return `${count(found)} ${found === 1 ? "moment" : "moments"}${more}, answered by ${answer.served.tier}`;
}

/** Detections of one class that follow each other closely in a video become one moment. */
export function runs(items, gap = 1.5) {
  const found = [];
  const ordered = items.toSorted((a, b) => a.video.localeCompare(b.video) || a.start - b.start);
  for (const item of ordered) {
    const last = found.at(-1);
    if (last && last.video === item.video && item.start - last.end <= gap) {
      last.end = Math.max(last.end, item.end);
      last.times += 1;
    } else {
      found.push({ ...item, times: 1 });
    }
  }
  return found;
}

function draw(found) {
  const to = found.end > found.start ? `–${clock(found.end)}` : "";
  return el("li", { data: { reference: found.reference } },
    el("a", { class: "result", href: `#/video/${found.video}?at=${found.start}` },
      el("img", { src: api.link.at(found.video, Math.max(0, found.start), 240), alt: "", loading: "lazy", width: 160, height: 90 }),
      el("span", { class: "said" },
        el("span", { class: "snippet" }, ...marked(found.snippet)),
        el("span", { class: "facts" },
          el("span", { class: "chip", style: { "--hue": kindHue(found.kind) } }, kindName(found.kind)),
          el("time", {}, clock(found.start) + to),
          found.times > 1 ? `${found.times} detections` : null,
          el("span", { class: "name" }, found.name)))));
}

/** Words between `**` stand out; everything stays text. */
export function marked(snippet) {
  return snippet.split("**").map((part, at) => (at % 2 ? el("mark", {}, part) : part));
}
