// Asks the server for its figures every two seconds and keeps the last few minutes of them.

import * as api from "./api.js";
import { percent } from "./format.js";

const PERIOD = 2000;
const KEPT = 150;

/** The places that can answer, fastest first. */
export const TIERS = ["memory", "redis", "disk", "store", "video"];
const CACHES = ["memory", "redis", "disk"];

const listeners = new Set();
const history = [];

/** Calls `listener` with the samples, oldest first, now and after each new one; answers a stop. */
export function follow(listener) {
  listeners.add(listener);
  if (history.length) listener(history);
  return () => listeners.delete(listener);
}

/** Starts asking; `pulse` shows the share of reads that caches answered. */
export function watchFigures(pulse) {
  follow((samples) => {
    const share = cached(samples.at(-1).reads);
    pulse.textContent = Number.isFinite(share) ? percent(share) : "";
    pulse.title = "reads answered by a cache";
  });
  const ask = async () => {
    if (!document.hidden) await api.stats().then(note, lost);
    setTimeout(ask, PERIOD);
  };
  document.addEventListener("visibilitychange", () => !document.hidden && api.stats().then(note, lost));
  ask();
}

function lost() {
  document.body.classList.add("offline");
}

function note(stats) {
  document.body.classList.remove("offline");
  history.push({ at: Date.now(), stats, reads: counts(stats), tiers: tiers(stats) });
  if (history.length > KEPT) history.shift();
  for (const listener of listeners) listener(history);
}

/** Reads by the tier that answered. */
function counts(stats) {
  return Object.fromEntries(TIERS.map((tier) => [tier, stats.reads?.[tier]?.count ?? 0]));
}

/** What each cache tier holds of its bound, for the tiers that are there. */
function tiers(stats) {
  return CACHES.filter((tier) => stats.cache?.[tier]).map((tier) => ({ name: tier, ...stats.cache[tier] }));
}

const sum = (values) => values.reduce((total, value) => total + value, 0);

/** Share of reads that any cache answered. */
export const cached = (reads) => sum(CACHES.map((tier) => reads[tier])) / sum(Object.values(reads));

/** Of the reads that reached a tier, the share that it answered. */
export function ratio(reads, tier) {
  const reached = sum(TIERS.slice(TIERS.indexOf(tier)).map((name) => reads[name]));
  return reads[tier] / reached;
}

/** Reads a second between each two samples, by tier. */
export function rates(samples) {
  return samples.slice(1).map((sample, at) => {
    const before = samples[at];
    const seconds = Math.max(0.001, (sample.at - before.at) / 1000);
    const rate = (tier) => Math.max(0, sample.reads[tier] - before.reads[tier]) / seconds;
    return Object.fromEntries(TIERS.map((tier) => [tier, rate(tier)]));
  });
}
