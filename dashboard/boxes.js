// Detections drawn over the picture.

import { svg } from "./dom.js";
import { labelHue } from "./format.js";

/** [x, y, width, height] in pixels of the displayed picture, or null. */
export function box(entry, width, height) {
  const data = entry.data ?? {};
  if (!Array.isArray(data.box) || data.box.length !== 4 || !data.box.every(Number.isFinite)) return null;
  const [x, y, w, h] = data.box;
  return data.box_unit === "relative" ? [x * width, y * height, w * width, h * height] : [x, y, w, h];
}

/** An overlay with the picture's own coordinates. */
export class Boxes {
  constructor(probe) {
    this.width = probe?.width || 16;
    this.height = probe?.height || 9;
    this.element = svg("svg", {
      class: "boxes", viewBox: `0 0 ${this.width} ${this.height}`, "aria-hidden": "true",
    });
    this.key = "";
  }

  show(entries) {
    const key = entries.map((entry) => entry.id).join();
    if (key === this.key) return;
    this.key = key;
    this.element.replaceChildren(...entries.flatMap((entry) => this.draw(entry)));
  }

  draw(entry) {
    const place = box(entry, this.width, this.height);
    if (!place) return [];
    const [x, y, width, height] = place;
    const label = String(entry.data.label ?? entry.kind);
    const size = this.height / 32;
    const style = { "--hue": labelHue(label) };
    return [
      svg("rect", { x, y, width, height, rx: size / 6, class: "outline", style }),
      svg("text", { x: x + size * 0.3, y: Math.max(y + size * 1.05, size * 1.05), "font-size": size, class: "tag", style }, label),
    ];
  }
}
