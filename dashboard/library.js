// The library: every video, newest first, with what is known of it.

import * as api from "./api.js";
import { el } from "./dom.js";
import { byKind, clock, count, kindHue, kindName } from "./format.js";

/** Draws the library into `main`. */
export async function showLibrary(main) {
  const grid = el("ul", { class: "grid" });
  const more = el("button", { type: "button", class: "quiet", hidden: true }, "Show more");
  const first = await api.videos();
  main.append(el("h1", { class: "hidden" }, "Library"));
  if (!first.items.length) {
    main.append(welcome());
    return {};
  }
  main.append(grid, more);
  const seen = new IntersectionObserver((changes) => {
    for (const change of changes) {
      if (!change.isIntersecting) continue;
      seen.unobserve(change.target);
      known(change.target).catch(() => {});
    }
  }, { rootMargin: "200px" });
  const add = (page) => {
    for (const video of page.items) {
      const card = draw(video);
      grid.append(card);
      seen.observe(card);
    }
    more.hidden = !page.next;
    more.onclick = async () => add(await api.videos(page.next));
  };
  add(first);
  return { close: () => seen.disconnect() };
}

function draw(video) {
  const probe = video.probe ?? {};
  const picture = el("img", {
    src: api.link.thumbnail(video.id), alt: "", loading: "lazy", decoding: "async",
    width: 320, height: 180, onerror: (event) => event.target.classList.add("lost"),
  });
  return el("li", { data: { video: video.id } },
    el("a", { class: "card", href: `#/video/${video.id}` },
      el("span", { class: "picture" }, picture,
        el("span", { class: "length" }, clock(video.duration, video.duration < 60 ? 1 : 0))),
      el("span", { class: "name" }, video.name),
      el("span", { class: "facts" }, facts(probe)),
      el("span", { class: "kinds", "aria-label": "Known kinds" })));
}

/** Size, rate and codec in one line. */
export function facts(probe) {
  const parts = [];
  if (probe.width && probe.height) parts.push(`${probe.width}×${probe.height}`);
  if (Number.isFinite(probe.fps)) parts.push(`${Math.round(probe.fps * 100) / 100} fps`);
  if (probe.codec) parts.push(String(probe.codec));
  return parts.join(" · ");
}

async function known(card) {
  const { timelines = [] } = await api.video(card.dataset.video);
  const chips = timelines
    .toSorted((a, b) => byKind(a.kind, b.kind))
    .map((line) => el("span", { class: "chip", style: { "--hue": kindHue(line.kind) }, data: { kind: line.kind } },
      kindName(line.kind), el("b", {}, count(line.count))));
  card.querySelector(".kinds").replaceChildren(...chips);
}

function welcome() {
  return el("section", { class: "empty" },
    el("h2", {}, "The library is empty"),
    el("p", {}, "Take a video in, then reload this page:"),
    el("pre", {}, "rushes ingest clip.mp4"));
}
