// The entries of one kind of one video: loaded for the window that is looked at.

import * as api from "./api.js";

const WHOLE = 3000;
const PAGE = 1000;
const PAGES = 4;

/** Entries of `kind`, in time order; few are loaded at once, many window by window. */
export class Track extends EventTarget {
  constructor(video, line) {
    super();
    this.video = video;
    this.kind = line.kind;
    this.count = line.count;
    this.items = [];
    this.from = Infinity;
    this.to = -Infinity;
    this.cut = false;
    this.served = null;
    this.asking = null;
  }

  /** Sees to it that the window [from, to) is there, then tells listeners by `change`. */
  async need(from, to) {
    if (from >= this.from && to <= this.to) return;
    if (this.asking && from >= this.asking.from && to <= this.asking.to) return this.asking.done;
    this.asking?.stop.abort();
    const whole = this.count <= WHOLE;
    const width = to - from;
    const asking = {
      from: whole ? -Infinity : from - width,
      to: whole ? Infinity : to + width,
      stop: new AbortController(),
    };
    this.asking = asking;
    asking.done = this.load(asking).finally(() => {
      if (this.asking === asking) this.asking = null;
    });
    return asking.done;
  }

  async load({ from, to, stop }) {
    const query = { kind: this.kind, limit: PAGE };
    if (Number.isFinite(from)) query.from = Math.max(0, from);
    if (Number.isFinite(to)) query.to = Math.max(0, to);
    const items = [];
    let page;
    for (let n = 0; n < PAGES; n += 1) {
      page = await api.entries(this.video, { ...query, cursor: page?.next }, stop.signal);
      items.push(...page.items);
      if (!page.next) break;
    }
    this.cut = Boolean(page.next);
    this.from = from;
    this.to = this.cut ? items.at(-1).start : to;
    this.served = page.served;
    this.items = items;
    this.longest = items.reduce((most, entry) => Math.max(most, entry.end - entry.start), 0);
    this.dispatchEvent(new Event("change"));
  }

  /** Forgets what was loaded: somebody wrote to the timeline. */
  renew(line) {
    this.count = line.count;
    this.from = Infinity;
    this.to = -Infinity;
  }

  close() {
    this.asking?.stop.abort();
  }

  /** Index of the first entry that starts at or after `seconds`. */
  first(seconds) {
    let low = 0;
    let high = this.items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.items[middle].start < seconds) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Entries that touch [from, to). */
  within(from, to) {
    const found = [];
    for (let at = this.first(from - (this.longest ?? 0)); at < this.items.length; at += 1) {
      const entry = this.items[at];
      if (entry.start >= to) break;
      if (entry.end > from || entry.start >= from) found.push(entry);
    }
    return found;
  }

  /** What holds at a moment: entries that span it, and of instants the latest group before it. */
  at(seconds) {
    const spans = this.within(seconds, seconds + 1e-6).filter((entry) => entry.end > entry.start);
    return [...spans, ...this.instants(seconds)];
  }

  /** Instants are samples: the last one stands until the next, for at most a second. */
  instants(seconds, hold = 1) {
    const last = this.items[this.first(seconds + 1e-6) - 1];
    const near = this.items.slice(Math.max(0, this.first(seconds - hold)), this.first(seconds + 1e-6));
    const points = near.filter((entry) => entry.end === entry.start);
    const latest = points.at(-1)?.start;
    return last ? points.filter((entry) => entry.start === latest) : [];
  }
}
