// Plays the file itself, or, where the browser cannot, its frames one after the other.

import * as api from "./api.js";
import { el, notice } from "./dom.js";

/** Second of media time that the browser calls 0: the earliest start of any stream. */
function origin(video) {
  const starts = (video.probe?.audio ?? []).map((stream) => stream.start).filter(Number.isFinite);
  return Math.min(video.start, ...starts);
}

/**
 * The player of a video, in seconds of media time. Fires `time` whenever the moment or the state
 * changes, and `stills` when it had to fall back to frames.
 */
export class Player extends EventTarget {
  constructor(video, frames) {
    super();
    this.video = video;
    this.from = video.start;
    this.to = video.start + video.duration;
    this.until = null;
    this.frames = frames;
    this.element = el("div", { class: "screen" });
    this.use(new Movie(video, () => this.tell(), () => this.fallBack()));
  }

  use(surface) {
    this.surface?.close();
    this.surface = surface;
    this.element.replaceChildren(surface.element, ...(this.overlay ? [this.overlay] : []));
  }

  fallBack() {
    if (this.stills) return;
    this.stills = true;
    const { wanted } = this.surface;
    this.use(new Stills(this.video, this.frames, () => this.tell()));
    this.seek(wanted);
    this.dispatchEvent(new Event("stills"));
  }

  tell() {
    if (this.until !== null && this.time >= this.until) {
      this.until = null;
      this.pause();
    }
    this.dispatchEvent(new Event("time"));
  }

  get time() {
    return this.surface.time;
  }

  get playing() {
    return this.surface.playing;
  }

  seek(seconds) {
    this.until = null;
    this.surface.seek(Math.min(Math.max(seconds, this.from), this.to));
    this.dispatchEvent(new Event("seek"));
    this.tell();
  }

  play() {
    if (this.time >= this.to - 0.05) this.surface.seek(this.from);
    this.surface.play();
  }

  pause() {
    this.until = null;
    this.surface.pause();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  /** Plays one entry's span; an instant is shown for a second. */
  evidence(entry) {
    this.seek(entry.start);
    this.until = Math.min(this.to, entry.end > entry.start ? entry.end : entry.start + 1);
    this.surface.play();
  }

  /** One frame on or back. */
  step(direction) {
    this.pause();
    const fps = this.video.probe?.fps;
    this.seek(this.surface.beside(direction) ?? this.time + direction / (fps > 0 ? fps : 25));
  }

  close() {
    this.surface.close();
  }
}

/** The `video` element. */
class Movie {
  constructor(video, tell, fail) {
    this.video = video;
    this.zero = origin(video);
    this.tell = tell;
    this.wanted = video.start;
    this.element = el("video", {
      src: api.link.media(video.id), preload: "auto", playsinline: true, "aria-label": video.name,
      onloadedmetadata: () => this.ready(fail),
      onerror: fail,
    });
    for (const name of ["timeupdate", "play", "pause", "seeked", "ended"]) {
      this.element.addEventListener(name, () => this.tell());
    }
    this.follow();
  }

  ready(fail) {
    // A codec that only the sound could be decoded of leaves no picture.
    if (!this.element.videoWidth) return fail();
    this.loaded = true;
    this.seek(this.wanted);
  }

  /** `timeupdate` comes four times a second, too coarse for a playhead. */
  follow() {
    this.frame = requestAnimationFrame(() => {
      if (this.playing) this.tell();
      this.follow();
    });
  }

  /** Where it stands; exactly what was asked for as long as it has not moved on from there. */
  get time() {
    if (!this.loaded || this.element.seeking) return this.wanted;
    const shown = this.element.currentTime + this.zero;
    return Math.abs(shown - this.wanted) < 0.002 ? this.wanted : shown;
  }

  get playing() {
    return !this.element.paused && !this.element.ended;
  }

  seek(seconds) {
    this.wanted = seconds;
    // Just inside the frame: exactly on its boundary some decoders show the one before.
    if (this.loaded) this.element.currentTime = Math.max(0, seconds - this.zero + 0.0005);
    else this.element.poster = api.link.at(this.video.id, Math.max(0, seconds), "detail");
  }

  play() {
    this.element.play().catch((error) => {
      if (error.name === "NotAllowedError") notice("The browser wants a click before it plays sound.");
    });
  }

  pause() {
    this.element.pause();
  }

  beside() {
    return null;
  }

  close() {
    cancelAnimationFrame(this.frame);
    this.element.removeAttribute("src");
    this.element.load();
  }
}

/** Frames as pictures: the stored ones while it runs, the exact one where it stands. */
class Stills {
  constructor(video, frames, tell) {
    this.video = video;
    this.frames = frames;
    this.tell = tell;
    this.wanted = video.start;
    this.playing = false;
    this.element = el("img", { class: "still", alt: "", decoding: "async" });
  }

  get time() {
    return this.wanted;
  }

  seek(seconds) {
    this.wanted = seconds;
    if (!this.playing) this.show(api.link.at(this.video.id, seconds.toFixed(6), "detail"));
  }

  show(address) {
    if (this.shown === address) return;
    this.shown = address;
    this.element.src = address;
  }

  play() {
    if (this.playing) return;
    this.playing = true;
    this.last = performance.now();
    this.run();
    this.tell();
  }

  run() {
    this.request = requestAnimationFrame((now) => {
      if (!this.playing) return;
      this.wanted += (now - this.last) / 1000;
      this.last = now;
      const end = this.video.start + this.video.duration;
      if (this.wanted >= end) {
        this.wanted = end;
        return this.pause();
      }
      const frame = this.frames.items[this.frames.first(this.wanted + 1e-6) - 1];
      if (frame) this.show(api.link.still(this.video.id, frame.data.number, "detail"));
      this.tell();
      this.run();
    });
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    cancelAnimationFrame(this.request);
    this.seek(this.wanted);
    this.tell();
  }

  /** The neighbouring stored frame's time. */
  beside(direction) {
    const at = this.frames.first(this.wanted + (direction > 0 ? 1e-4 : -1e-4));
    return this.frames.items[direction > 0 ? at : at - 1]?.start ?? null;
  }

  close() {
    this.playing = false;
    cancelAnimationFrame(this.request);
  }
}
