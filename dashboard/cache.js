// Live figures: who answers the reads, how fast, and what the tiers hold.

import { gauge, line, room, stack } from "./charts.js";
import { el } from "./dom.js";
import { cached, follow, rates, ratio, TIERS } from "./figures.js";
import { bytes, count, micros, percent } from "./format.js";

const NAMES = { memory: "Memory", redis: "Redis", disk: "Disk", store: "Database", video: "Video file" };

/** Draws the figures into `main` until the view is left. */
export async function showCache(main) {
  document.title = "Cache · Rushes";
  const place = el("div", { class: "figures" });
  main.append(el("h1", { class: "title" }, "Cache"), place);
  const stop = follow((samples) => place.replaceChildren(...draw(samples)));
  return { close: stop };
}

function draw(samples) {
  const last = samples.at(-1);
  const used = TIERS.filter((tier) => last.reads[tier] > 0 || last.stats.cache?.[tier]);
  return [reads(samples, used), ...last.tiers.map((tier) => holds(tier, samples)), latency(samples, used), ahead(last.stats.prefetch), namespaces(last.stats.cache)].filter(Boolean);
}

function reads(samples, used) {
  const last = samples.at(-1);
  const { peak, chart } = stack(rates(samples), TIERS);
  const total = Object.values(last.reads).reduce((sum, value) => sum + value, 0);
  return el("section", { class: "figure wide" },
    el("h2", {}, "Reads"),
    el("p", { class: "big" }, el("b", { id: "reads" }, count(total)), " since the start, ",
      el("b", { id: "ratio" }, percent(cached(last.reads))), " answered by a cache"),
    chart,
    el("p", { class: "axis" }, el("span", {}, `${room(samples) * 2} seconds ago`), el("span", {}, `peak ${count(Math.round(peak))} a second`), el("span", {}, "now")),
    el("ul", { class: "legend" }, used.map((tier) => el("li", { class: `tier ${tier}`, data: { tier } },
      el("i"), NAMES[tier], el("b", {}, count(last.reads[tier]))))));
}

function holds(tier, samples) {
  const bound = tier.capacity;
  const history = samples.map((sample) => sample.tiers.find((other) => other.name === tier.name)?.bytes);
  return el("section", { class: "figure", data: { tier: tier.name } },
    el("h2", {}, NAMES[tier.name]),
    el("p", { class: "big" }, el("b", { class: "hits" }, percent(ratio(samples.at(-1).reads, tier.name))), " of the reads that reach it"),
    gauge(tier.bytes / bound),
    el("p", { class: "axis" }, el("span", { class: "held" }, `${bytes(tier.bytes)} of ${bytes(bound)}`), el("span", {}, `${count(tier.entries)} entries`)),
    line(history));
}

function latency(samples, used) {
  const now = samples.at(-1).stats.reads ?? {};
  const rows = used.filter((tier) => Number.isFinite(now[tier]?.p50_micros));
  if (!rows.length) return null;
  return el("section", { class: "figure" },
    el("h2", {}, "Recent latency"),
    el("table", {},
      el("thead", {}, el("tr", {}, ["answered by", "median", "99th of 100", ""].map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, rows.map((tier) => el("tr", { class: `tier ${tier}`, data: { tier } },
        el("th", { scope: "row" }, el("i"), NAMES[tier]),
        el("td", {}, micros(now[tier].p50_micros)),
        el("td", {}, micros(now[tier].p99_micros)),
        el("td", { class: "spark" }, line(samples.map((sample) => sample.stats.reads?.[tier]?.p50_micros), 20)))))));
}

function ahead(prefetch) {
  if (!prefetch?.accesses) return null;
  const { segments } = prefetch;
  const share = (value) => (Number.isFinite(value) ? percent(value) : "–");
  const dropped = Object.values(prefetch.dropped).reduce((sum, value) => sum + value, 0);
  const rows = [
    ["strategy", segments.off ? `${prefetch.strategy}, pausing` : prefetch.strategy],
    ["right (precision)", share(segments.precision)],
    ["of what was needed (coverage)", share(segments.coverage)],
    ["ahead by, on average", Number.isFinite(segments.lead_seconds) ? `${segments.lead_seconds.toFixed(1)} s` : "–"],
    ["read, of them unused", `${bytes(segments.bytes)}, ${bytes(segments.wasted_bytes)}`],
    ["reads ahead, dropped", `${count(prefetch.read)}, ${count(dropped)}`],
  ];
  return el("section", { class: "figure ahead" },
    el("h2", {}, "Read ahead"),
    el("table", {}, el("tbody", {}, rows.map(([name, value]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, value))))));
}

function namespaces(cache) {
  const rows = Object.entries(cache?.namespaces ?? {}).filter(([, space]) => space.hits + space.misses + space.loads > 0);
  if (!rows.length) return null;
  const columns = ["hits", "misses", "joins", "loads", "evictions", "invalidated"];
  return el("section", { class: "figure wide" },
    el("h2", {}, "What is cached"),
    el("div", { class: "scroll" }, el("table", {},
      el("thead", {}, el("tr", {}, ["", ...columns].map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, rows.map(([name, space]) => el("tr", {},
        el("th", { scope: "row" }, name), columns.map((column) => el("td", {}, count(space[column])))))))));
}
