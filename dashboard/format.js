// How times, sizes and entries are put in words and colours.

/** Seconds as people read them: 0:12.48, 1:02:03.5; `digits` after the point. */
export function clock(seconds, digits = 2) {
  if (!Number.isFinite(seconds)) return "–";
  const sign = seconds < 0 ? "-" : "";
  const unit = 10 ** digits;
  const total = Math.round(Math.abs(seconds) * unit);
  const whole = Math.floor(total / unit);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  const text = shown.map((part, at) => (at ? String(part).padStart(2, "0") : part)).join(":");
  return sign + text + (digits ? `.${String(total % unit).padStart(digits, "0")}` : "");
}

/** Bytes in the unit that keeps the figure short. */
export function bytes(count) {
  if (!Number.isFinite(count)) return "–";
  const units = ["B", "kB", "MB", "GB", "TB"];
  const step = count < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(count) / 3));
  const value = count / 1000 ** step;
  return `${step && value < 100 ? value.toFixed(1) : Math.round(value)} ${units[step]}`;
}

/** Microseconds, or milliseconds from 1,000 on. */
export function micros(value) {
  if (!Number.isFinite(value)) return "–";
  if (value < 1000) return `${Math.round(value)} µs`;
  return value < 100000 ? `${(value / 1000).toFixed(1)} ms` : `${(value / 1e6).toFixed(2)} s`;
}

export const count = (value) => (Number.isFinite(value) ? value.toLocaleString("en") : "–");
export const percent = (share) => (Number.isFinite(share) ? `${Math.round(share * 100)} %` : "–");

/** What an entry says, in one line. */
export function words(entry) {
  const data = entry.data ?? {};
  if (entry.kind === "frame") return `frame ${data.number ?? ""}`.trim();
  for (const name of ["text", "caption", "title", "label"]) {
    if (typeof data[name] === "string" && data[name]) return data[name];
  }
  return JSON.stringify(data);
}

/** The stable reference of an entry. */
export function reference(entry) {
  return `${entry.video}@${entry.start.toFixed(3)}-${entry.end.toFixed(3)}#${entry.kind}/${entry.id}`;
}

const NAMES = {
  frame: "Frames", caption: "Captions", transcript: "Transcript", object: "Objects",
  metadata: "Metadata", ocr: "Text in picture", shot: "Shots", chapter: "Chapters",
};

/** The heading of a kind. */
export const kindName = (kind) => NAMES[kind] ?? kind;

const HUES = { caption: 36, transcript: 172, ocr: 282, metadata: 215, chapter: 330, shot: 250 };

function hash(text) {
  let sum = 2166136261;
  for (const letter of text) sum = Math.imul(sum ^ letter.codePointAt(0), 16777619);
  return sum >>> 0;
}

/** The hue in degrees that stands for a kind. */
export const kindHue = (kind) => HUES[kind] ?? hash(kind) % 360;

const labels = new Map();

/** The hue that stands for an object class: each new one lies far from those before. */
export function labelHue(label) {
  if (!labels.has(label)) labels.set(label, Math.round(150 + labels.size * 137.508) % 360);
  return labels.get(label);
}

/** In the order in which a person wants to see them. */
export function byKind(a, b) {
  const order = ["frame", "caption", "transcript", "object", "ocr"];
  const rank = (kind) => (order.includes(kind) ? order.indexOf(kind) : order.length);
  return rank(a) - rank(b) || a.localeCompare(b);
}
