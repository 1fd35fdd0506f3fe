// The timeline of a video: a ruler, a lane for each kind, a playhead; zoomed and scrolled together.

import { button, el, icon } from "./dom.js";
import { clock, count, kindHue, kindName } from "./format.js";
import { laneFor } from "./lanes.js";

const STEPS = [0.04, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];
const CLOSEST = 600;
const WIDEST = 12_000_000;

/** Fires `seek` with seconds and `pick` with an entry. */
export class Timeline extends EventTarget {
  constructor(video, tracks) {
    super();
    this.from = video.start;
    this.to = video.start + Math.max(video.duration, 0.04);
    this.scale = 0;
    this.lanes = [];
    this.build();
    tracks.forEach((track) => this.add(track, video.probe));
    this.watch();
  }

  build() {
    this.ruler = el("div", { class: "ruler" });
    this.head = el("div", { class: "head", "aria-hidden": "true" });
    this.inner = el("div", { class: "inner" }, this.ruler, this.head);
    this.scroller = el("div", { class: "scroller", tabindex: 0, role: "group", "aria-label": "Timeline lanes; scroll for other times" }, this.inner);
    this.names = el("div", { class: "names" }, el("div", { class: "corner" },
      button("Zoom out", () => this.zoom(0.5), { class: "tool" }, icon("minus")),
      button("Show all", () => this.fit(), { class: "tool" }, icon("fit")),
      button("Zoom in", () => this.zoom(2), { class: "tool" }, icon("plus"))));
    this.element = el("section", { class: "timeline", "aria-label": "Timeline" }, this.names, this.scroller);
  }

  /** A lane for one more kind. */
  add(track, probe) {
    const lane = laneFor(track, this, probe);
    const name = el("div", { class: "lane-name", style: { "--hue": kindHue(track.kind) }, data: { kind: track.kind } },
      el("span", {}, kindName(track.kind)), el("b", {}, count(track.count)));
    const grow = () => name.style.setProperty("--lane", `${lane.size}px`);
    grow();
    track.addEventListener("change", () => {
      grow();
      name.querySelector("b").textContent = count(track.count) + (track.cut ? " …" : "");
    });
    this.lanes.push(lane);
    this.names.append(name);
    this.inner.append(lane.body);
  }

  watch() {
    this.scroller.addEventListener("scroll", () => this.refresh(), { passive: true });
    this.scroller.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.ruler.addEventListener("pointerdown", (event) => this.scrub(event));
    this.inner.addEventListener("click", (event) => {
      if (event.target === this.inner || event.target.classList.contains("lane")) this.ask(this.time(event.clientX));
    });
    this.resizes = new ResizeObserver(() => (this.fitted ? this.fit() : this.refresh()));
    this.resizes.observe(this.scroller);
  }

  wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY / 300), this.time(event.clientX));
  }

  scrub(event) {
    this.ruler.setPointerCapture(event.pointerId);
    const move = (at) => this.ask(this.time(at.clientX));
    move(event);
    this.ruler.onpointermove = move;
    this.ruler.onpointerup = this.ruler.onpointercancel = () => (this.ruler.onpointermove = null);
  }

  ask(seconds) {
    this.dispatchEvent(new CustomEvent("seek", { detail: Math.min(Math.max(seconds, this.from), this.to) }));
  }

  /** What a lane calls when one of its entries was chosen. */
  pick(entry) {
    this.dispatchEvent(new CustomEvent("pick", { detail: entry }));
  }

  /** Pixels from the left edge of the lanes. */
  x(seconds) {
    return (seconds - this.from) * this.scale;
  }

  /** Seconds under a pointer. */
  time(clientX) {
    return this.from + (clientX - this.inner.getBoundingClientRect().left) / this.scale;
  }

  least() {
    return Math.max(1, this.scroller.clientWidth) / (this.to - this.from);
  }

  fit() {
    this.fitted = true;
    this.resize(this.least());
  }

  /** Zooms by a factor around a moment (the playhead when in sight, else the middle). */
  zoom(factor, around) {
    const [left, right] = this.sight();
    const fixed = around ?? (this.now >= left && this.now <= right ? this.now : (left + right) / 2);
    const offset = this.x(fixed) - this.scroller.scrollLeft;
    const most = Math.max(this.least(), Math.min(CLOSEST, WIDEST / (this.to - this.from)));
    const scale = Math.min(Math.max(this.scale * factor, this.least()), most);
    this.fitted = scale === this.least();
    this.resize(scale);
    this.scroller.scrollLeft = this.x(fixed) - offset;
  }

  resize(scale) {
    this.scale = scale;
    this.inner.style.width = `${Math.ceil(this.x(this.to))}px`;
    this.move(this.now ?? this.from);
    this.refresh();
  }

  /** The window in sight, seconds. */
  sight() {
    const left = this.from + this.scroller.scrollLeft / this.scale;
    return [left, left + this.scroller.clientWidth / this.scale];
  }

  /** Draws again before the next picture; many calls are one. */
  refresh() {
    if (this.pending || !this.scale) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      this.draw();
    });
  }

  draw() {
    const [from, to] = this.sight();
    const margin = (to - from) * 0.25;
    this.marks(from - margin, to + margin);
    for (const lane of this.lanes) {
      lane.track.need(from, to + 1e-3).catch((error) => {
        if (error.name !== "AbortError") throw error;
      });
      lane.draw(from - margin, to + margin);
    }
  }

  marks(from, to) {
    const step = STEPS.find((seconds) => seconds * this.scale >= 72) ?? 7200;
    const digits = step < 0.1 ? 2 : step < 1 ? 1 : 0;
    const shown = [];
    for (let n = Math.max(0, Math.ceil(Math.max(from, this.from) / step)); n * step <= Math.min(to, this.to); n += 1) {
      const mark = el("span", { class: "mark" }, clock(n * step, digits));
      mark.style.left = `${this.x(n * step)}px`;
      shown.push(mark);
    }
    this.ruler.replaceChildren(...shown);
  }

  /** Puts the playhead; keeps it in sight while it runs. */
  move(seconds, running = false) {
    this.now = seconds;
    const x = this.x(seconds);
    this.head.style.transform = `translateX(${x}px)`;
    if (!running || this.fitted) return;
    const left = this.scroller.scrollLeft;
    if (x < left || x > left + this.scroller.clientWidth * 0.92) this.scroller.scrollLeft = x - this.scroller.clientWidth * 0.15;
  }

  /** Brings a moment into sight. */
  reveal(seconds) {
    const [from, to] = this.sight();
    if (seconds < from || seconds > to) this.scroller.scrollLeft = this.x(seconds) - this.scroller.clientWidth / 3;
  }

  /** Marks what holds now. */
  light(ids) {
    for (const lane of this.lanes) {
      for (const [key, node] of lane.nodes) node.classList.toggle("now", ids.has(key));
    }
  }

  close() {
    this.resizes.disconnect();
    cancelAnimationFrame(this.pending);
  }
}
