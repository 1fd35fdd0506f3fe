// Beside the player: what is known at this moment, and all that was said, in order.

import { button, copy, el, icon } from "./dom.js";
import { byKind, clock, kindHue, kindName, labelHue, micros, reference, words } from "./format.js";

const LISTED = 400;

/** Fires `pick` and `play` with an entry. */
export class Panel extends EventTarget {
  constructor(tracks) {
    super();
    this.tracks = tracks.toSorted((a, b) => byKind(a.kind, b.kind));
    this.now = el("div", { class: "now-list", "aria-live": "off" });
    this.all = el("div", { class: "all-list", hidden: true });
    this.moment = el("time", {}, "");
    this.tabs = ["Now", "All"].map((name) => el("button", {
      type: "button", role: "tab", "aria-selected": name === "Now", onclick: () => this.choose(name),
    }, name));
    this.foot = el("p", { class: "served" });
    this.element = el("aside", { class: "panel", "aria-label": "Entries" },
      el("header", {}, el("div", { role: "tablist", "aria-label": "Which entries" }, this.tabs), this.moment),
      this.now, this.all, this.foot);
    this.key = null;
    tracks.forEach((track) => track.addEventListener("change", () => this.renew()));
  }

  choose(name) {
    this.tabs.forEach((tab) => tab.setAttribute("aria-selected", tab.textContent === name));
    this.now.hidden = name !== "Now";
    this.all.hidden = name !== "All";
    if (name === "All") this.list();
    this.key = null;
  }

  renew() {
    this.key = null;
    if (!this.all.hidden) this.list();
    const served = this.tracks.map((track) => track.served).filter(Boolean).at(-1);
    if (served) this.foot.textContent = `Last page of entries: ${served.tier}, ${micros(served.micros)}`;
  }

  /** What holds at a moment: [track, entries] of every kind but frames. */
  holding(seconds) {
    return this.tracks
      .filter((track) => track.kind !== "frame")
      .map((track) => [track, track.at(seconds)])
      .filter(([, entries]) => entries.length);
  }

  /** Shows the moment; answers the ids that hold now. */
  show(seconds) {
    this.moment.textContent = clock(seconds);
    const groups = this.holding(seconds);
    const ids = new Set(groups.flatMap(([, entries]) => entries.map((entry) => entry.id)));
    const key = [...ids].join();
    if (key !== this.key) {
      this.key = key;
      this.now.replaceChildren(...(groups.length ? groups.map(([track, entries]) => this.group(track, entries)) : [silence()]));
      this.light(ids);
    }
    return ids;
  }

  group(track, entries) {
    return el("section", { style: { "--hue": kindHue(track.kind) }, data: { kind: track.kind } },
      el("h3", {}, kindName(track.kind)),
      entries.map((entry) => (track.kind === "object" ? this.thing(entry) : this.card(entry))));
  }

  card(entry) {
    const recipe = [entry.recipe?.tool, entry.recipe?.model].filter(Boolean).join(" ");
    return el("article", { class: "entry", data: { entry: entry.id } },
      el("button", { type: "button", class: "text", onclick: () => this.fire("pick", entry) }, words(entry)),
      el("div", { class: "line" },
        el("time", {}, `${clock(entry.start)}–${clock(entry.end)}${entry.estimated ? " ≈" : ""}`),
        recipe ? el("span", { class: "recipe" }, recipe) : null,
        this.actions(entry)));
  }

  thing(entry) {
    const label = String(entry.data.label ?? "?");
    const score = Number.isFinite(entry.data.score) ? ` ${Math.round(entry.data.score * 100)} %` : "";
    const track = entry.data.track === undefined ? "" : ` track ${entry.data.track}`;
    return el("article", { class: "entry thing", style: { "--hue": labelHue(label) }, data: { entry: entry.id } },
      el("button", { type: "button", class: "text", onclick: () => this.fire("pick", entry) }, label),
      el("span", { class: "recipe" }, score + track), this.actions(entry));
  }

  actions(entry) {
    return el("span", { class: "actions" },
      button("Play this evidence", () => this.fire("play", entry), { class: "tool" }, icon("play")),
      button("Copy reference", () => copy(reference(entry), "reference"), { class: "tool" }, icon("copy")));
  }

  fire(name, entry) {
    this.dispatchEvent(new CustomEvent(name, { detail: entry }));
  }

  /** Everything with words that is loaded, in time order. */
  spoken() {
    return this.tracks
      .filter((track) => track.kind !== "frame" && track.kind !== "object")
      .flatMap((track) => track.items)
      .sort((a, b) => a.start - b.start || a.id - b.id);
  }

  list() {
    const entries = this.spoken();
    const rows = entries.slice(0, LISTED).map((entry) => el("button", {
      type: "button", class: "row", style: { "--hue": kindHue(entry.kind) }, data: { entry: entry.id },
      onclick: () => this.fire("pick", entry),
    }, el("time", {}, clock(entry.start, 1)), el("span", {}, words(entry))));
    if (entries.length > LISTED) rows.push(el("p", { class: "facts" }, "Zoom the timeline in to list the others."));
    this.all.replaceChildren(...(rows.length ? rows : [silence()]));
  }

  light(ids) {
    const rows = [...this.all.children];
    for (const row of rows) row.classList.toggle("now", ids.has(Number(row.dataset.entry)));
    const first = rows.find((row) => row.classList.contains("now"));
    if (first && !this.all.hidden) this.all.scrollTop = Math.max(0, first.offsetTop - this.all.offsetTop - 60);
  }

  /** The next or previous entry with words, seen from a moment. */
  beside(seconds, direction) {
    const starts = this.spoken();
    return direction > 0
      ? starts.find((entry) => entry.start > seconds + 0.01)
      : starts.findLast((entry) => entry.start < seconds - 0.01);
  }
}

const silence = () => el("p", { class: "silence" }, "Nothing is known of this moment.");
