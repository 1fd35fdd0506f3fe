// The few shapes that the figures are drawn with.

import { svg } from "./dom.js";

const WIDE = 600;

/** How many samples a chart has room for: it widens with them up to three minutes. */
export const room = (samples) => Math.min(90, Math.max(15, samples.length));

/** Layers on top of each other over time; `samples` are objects of name to number. */
export function stack(samples, names, height = 120, slots = room(samples)) {
  const shown = samples.slice(-slots);
  const totals = shown.map((sample) => names.reduce((sum, name) => sum + sample[name], 0));
  const most = Math.max(1, ...totals);
  const step = WIDE / (slots - 1);
  const x = (at) => (slots - shown.length + at) * step;
  const floor = new Array(shown.length).fill(0);
  const layers = names.map((name) => {
    const low = floor.map((value, at) => `${x(at)} ${height - (value / most) * height}`);
    shown.forEach((sample, at) => (floor[at] += sample[name]));
    const high = floor.map((value, at) => `${x(at)} ${height - (value / most) * height}`);
    const d = shown.length > 1 ? `M${high.join("L")}L${low.reverse().join("L")}Z` : "";
    return svg("path", { d, class: `tier ${name}` });
  });
  return { peak: Math.max(0, ...totals), chart: frame(height, layers) };
}

/** A line over time; gaps where there is no number. */
export function line(values, height = 48, slots = room(values)) {
  const shown = values.slice(-slots);
  const most = Math.max(1e-9, ...shown.filter(Number.isFinite));
  const step = WIDE / (slots - 1);
  let pen = "M";
  const points = shown.map((value, at) => {
    if (!Number.isFinite(value)) {
      pen = "M";
      return "";
    }
    const point = `${pen}${(slots - shown.length + at) * step} ${height - 2 - (value / most) * (height - 4)}`;
    pen = "L";
    return point;
  });
  return frame(height, [svg("path", { d: points.join(""), class: "line" })]);
}

/** How full something is. */
export function gauge(share) {
  const width = Math.max(0, Math.min(1, share || 0)) * WIDE;
  return frame(10, [
    svg("rect", { width: WIDE, height: 10, rx: 5, class: "ground" }),
    svg("rect", { width, height: 10, rx: 5, class: "filled" }),
  ]);
}

function frame(height, children) {
  return svg("svg", { class: "chart", viewBox: `0 0 ${WIDE} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" }, children);
}
