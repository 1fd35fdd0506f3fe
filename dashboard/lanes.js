// One lane of the timeline for each kind: a strip of pictures, rows of words, or runs of detections.

import * as api from "./api.js";
import { el, svg } from "./dom.js";
import { clock, count, kindHue, labelHue, words } from "./format.js";

const MANY = 700;
const ROW = 26;
const STRIP = 52;

/** What the lanes have in common: a body that holds a node for each thing in sight. */
class Lane {
  constructor(track, view) {
    this.track = track;
    this.view = view;
    this.nodes = new Map();
    this.body = el("div", { class: `lane ${track.kind}`, data: { kind: track.kind }, style: { "--hue": kindHue(track.kind) } });
    track.addEventListener("change", () => this.changed());
  }

  changed() {
    this.clear();
    this.arrange?.();
    this.view.refresh();
  }

  clear() {
    this.nodes.clear();
    this.body.replaceChildren();
  }

  height(pixels) {
    this.body.style.setProperty("--lane", `${pixels}px`);
    this.size = pixels;
  }

  /** Keeps the nodes of `items` (a map of key to thing), makes new ones, drops the rest. */
  keep(items, make, put) {
    for (const [key, node] of this.nodes) {
      if (items.has(key)) continue;
      node.remove();
      this.nodes.delete(key);
    }
    for (const [key, thing] of items) {
      let node = this.nodes.get(key);
      if (!node) {
        node = make(thing);
        this.nodes.set(key, node);
        this.body.append(node);
      }
      put(node, thing);
    }
  }

  put(node, start, end, least = 3) {
    const left = this.view.x(start);
    node.style.left = `${left}px`;
    node.style.width = `${Math.max(least, this.view.x(end) - left - 1)}px`;
  }
}

/** Captions, transcript and any other kind with words. */
export class WordLane extends Lane {
  constructor(track, view) {
    super(track, view);
    this.height(ROW + 8);
  }

  /** Entries that overlap stand in rows below each other, at most four. */
  arrange() {
    const ends = [];
    for (const entry of this.track.items) {
      let row = ends.findIndex((end) => end <= entry.start + 1e-6);
      if (row < 0) row = Math.min(ends.length, 3);
      ends[row] = Math.max(entry.end, entry.start);
      entry.row = row;
    }
    this.height(Math.max(1, ends.length) * ROW + 8);
  }

  draw(from, to) {
    const seen = this.track.within(from, to);
    if (seen.length > MANY) return this.crowd(seen, from, to);
    if (this.crowded) this.clear();
    this.crowded = false;
    this.keep(new Map(seen.map((entry) => [entry.id, entry])), (entry) => this.block(entry), (node, entry) => {
      this.put(node, entry.start, entry.end, entry.end > entry.start ? 3 : 6);
    });
  }

  block(entry) {
    const text = words(entry);
    return el("button", {
      type: "button", class: entry.estimated ? "block estimated" : "block",
      title: `${clock(entry.start)}–${clock(entry.end)}  ${text}`,
      "aria-label": `${text}, at ${clock(entry.start)}`,
      data: { entry: entry.id, start: entry.start, end: entry.end },
      style: { top: `${4 + (entry.row ?? 0) * ROW}px` },
      onclick: () => this.view.pick(entry),
    }, text);
  }

  /** Too many to tell apart: how many there are, by place. */
  crowd(seen, from, to) {
    this.clear();
    this.crowded = true;
    const step = 4;
    const left = this.view.x(from);
    const bins = new Array(Math.max(1, Math.ceil((this.view.x(to) - left) / step))).fill(0);
    for (const entry of seen) {
      const at = Math.floor((this.view.x(Math.max(entry.start, from)) - left) / step);
      if (at < bins.length) bins[at] += 1;
    }
    const most = Math.max(...bins);
    const bars = bins.map((n, at) => (n ? `M${at * step} ${ROW}v${(-n / most) * ROW}h${step - 1}V${ROW}z` : "")).join("");
    const width = bins.length * step;
    const chart = svg("svg", { class: "crowd", viewBox: `0 0 ${width} ${ROW}`, width, height: ROW, role: "img", "aria-label": `${count(seen.length)} entries; zoom in to read them` }, svg("path", { d: bars }));
    chart.style.left = `${left}px`;
    this.body.append(chart);
  }
}

/** Pictures: as many as fit, each where its frame is. */
export class FrameLane extends Lane {
  constructor(track, view, probe) {
    super(track, view);
    this.wide = Math.round(STRIP * Math.min(2.4, Math.max(0.5, (probe?.width || 16) / (probe?.height || 9))));
    this.height(STRIP + 8);
  }

  draw(from, to) {
    const chosen = new Map();
    for (const frame of this.track.within(from, to)) {
      const slot = Math.floor(this.view.x(frame.start) / this.wide);
      if (!chosen.has(slot)) chosen.set(slot, frame);
    }
    const shown = new Map([...chosen].map(([slot, frame]) => [frame.id, { slot, frame }]));
    this.keep(shown, ({ frame }) => this.picture(frame), (node, { slot, frame }) => {
      // A strip without gaps where frames are close, each at its own time where they are not.
      const apart = !chosen.has(slot - 1) && !chosen.has(slot + 1);
      node.style.left = `${apart ? this.view.x(frame.start) : slot * this.wide}px`;
      node.style.width = `${this.wide - 1}px`;
    });
  }

  picture(frame) {
    const same = frame.data.same_as === undefined ? "" : `, same picture as frame ${frame.data.same_as}`;
    return el("button", {
      type: "button", class: "picture", title: `frame ${frame.data.number}, ${clock(frame.start, 3)}${same}`,
      "aria-label": `frame ${frame.data.number} at ${clock(frame.start)}`,
      data: { entry: frame.id, start: frame.start }, onclick: () => this.view.pick(frame),
    }, el("img", { src: api.link.still(this.track.video, frame.data.number, 192), alt: "", loading: "lazy", decoding: "async" }));
  }
}

/** Detections: a row for each class, a bar where they follow each other closely. */
export class ObjectLane extends Lane {
  constructor(track, view) {
    super(track, view);
    this.runs = [];
    this.height(ROW + 8);
  }

  arrange() {
    const rows = new Map();
    const open = new Map();
    const gap = this.apart();
    this.runs = [];
    for (const entry of this.track.items) {
      const label = String(entry.data.label ?? "?");
      const first = !rows.has(label);
      if (first) rows.set(label, Math.min(rows.size, 7));
      let run = open.get(label);
      if (!run || entry.start - run.end > gap) {
        run = { key: `${label} ${entry.id}`, label, first, row: rows.get(label), start: entry.start, end: entry.end, entries: [] };
        open.set(label, run);
        this.runs.push(run);
      }
      run.end = Math.max(run.end, entry.end);
      run.entries.push(entry);
    }
    this.labels = [...rows.keys()];
    this.height(Math.max(1, Math.min(rows.size, 8)) * 18 + 8);
  }

  /** Detections further apart than this, in seconds, are not one run. */
  apart() {
    const times = [...new Set(this.track.items.map((entry) => entry.start))];
    const steps = times.slice(1).map((time, at) => time - times[at]).sort((a, b) => a - b);
    return Math.max(1.5, (steps[steps.length >> 1] ?? 0) * 2.5);
  }

  draw(from, to) {
    const seen = this.runs.filter((run) => run.start < to && run.end >= from);
    this.keep(new Map(seen.map((run) => [run.key, run])), (run) => this.bar(run), (node, run) => {
      this.put(node, run.start, run.end, 8);
      node.classList.toggle("short", Number.parseFloat(node.style.width) < run.label.length * 7 + 10);
      this.ticks(node, run, from, to);
    });
  }

  bar(run) {
    const times = run.entries.length;
    return el("button", {
      type: "button", class: run.first ? "run first" : "run", style: { "--hue": labelHue(run.label), top: `${5 + run.row * 18}px` },
      title: `${run.label}: ${count(times)} detections, ${clock(run.start)}–${clock(run.end)}`,
      "aria-label": `${run.label}, ${count(times)} ${times === 1 ? "detection" : "detections"} from ${clock(run.start)} to ${clock(run.end)}`,
      data: { label: run.label, start: run.start, end: run.end, count: times },
      onclick: (event) => this.view.pick(this.nearest(run, event)),
    }, el("span", { class: "of" }, run.label));
  }

  /** The detection under the pointer; the first for the keyboard. */
  nearest(run, event) {
    if (!event.detail) return run.entries[0];
    const time = this.view.time(event.clientX);
    return run.entries.reduce((best, entry) => (Math.abs(entry.start - time) < Math.abs(best.start - time) ? entry : best));
  }

  ticks(node, run, from, to) {
    const wide = Number.parseFloat(node.style.width);
    if (node.ticked === wide && run.entries.length < MANY) return;
    node.ticked = wide;
    const left = this.view.x(run.start);
    const marks = new Set();
    for (const entry of run.entries) {
      if (entry.start < from || entry.start > to) continue;
      marks.add(Math.round(this.view.x(entry.start) - left));
    }
    const path = [...marks].map((x) => `M${Math.min(x + 0.5, wide - 0.5)} 0v14`).join("");
    const drawing = svg("svg", { class: "ticks", width: wide, height: 14, "aria-hidden": "true" }, svg("path", { d: path }));
    node.querySelector(".ticks")?.remove();
    node.prepend(drawing);
  }
}

/** The lane that suits a kind. */
export function laneFor(track, view, probe) {
  if (track.kind === "frame") return new FrameLane(track, view, probe);
  if (track.kind === "object") return new ObjectLane(track, view);
  return new WordLane(track, view);
}
