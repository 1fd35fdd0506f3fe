// One video: its player over its timeline, and what is known beside it.

import * as api from "./api.js";
import { ask } from "./ask.js";
import { Boxes } from "./boxes.js";
import { button, copy, el, icon } from "./dom.js";
import { byKind, clock } from "./format.js";
import { facts } from "./library.js";
import { Panel } from "./panel.js";
import { Player } from "./player.js";
import { Timeline } from "./timeline.js";
import { Track } from "./track.js";

const LOOK_AGAIN = 5000;
const NO_FRAMES = { kind: "frame", count: 0 };

/** Draws the video `where.id`, at `?at=` seconds. */
export async function showVideo(main, where) {
  const asked = await api.video(where.id);
  const video = asked.video ?? asked;
  const view = new VideoView(video, asked.timelines ?? []);
  view.mount(main);
  view.go(where.query.get("at"));
  return view;
}

class VideoView {
  constructor(video, timelines) {
    this.video = video;
    this.tracks = timelines.toSorted((a, b) => byKind(a.kind, b.kind)).map((line) => new Track(video.id, line));
    const frames = this.tracks.find((track) => track.kind === "frame") ?? new Track(video.id, NO_FRAMES);
    this.player = new Player(video, frames);
    this.timeline = new Timeline(video, this.tracks);
    this.panel = new Panel(this.tracks);
    this.objects = this.tracks.find((track) => track.kind === "object");
    if (this.objects) this.drawBoxes();
    this.join();
  }

  drawBoxes() {
    this.boxes = new Boxes(this.video.probe);
    this.player.overlay = this.boxes.element;
    this.player.element.append(this.boxes.element);
  }

  join() {
    const { player, timeline, panel } = this;
    player.addEventListener("time", () => this.tick());
    player.addEventListener("stills", () => (this.note.textContent = "This browser cannot play the file; its frames are shown instead."));
    timeline.addEventListener("seek", (event) => player.seek(event.detail));
    timeline.addEventListener("pick", (event) => player.seek(event.detail.start));
    panel.addEventListener("pick", (event) => player.seek(event.detail.start));
    panel.addEventListener("play", (event) => player.evidence(event.detail));
    this.tracks.forEach((track) => track.addEventListener("change", () => this.tick()));
    player.element.addEventListener("click", () => player.toggle());
  }

  mount(main) {
    const { video, player } = this;
    document.title = `${video.name} · Rushes`;
    this.playing = button("Play or pause (space)", () => player.toggle(), { class: "tool play", id: "play" }, icon("play"));
    this.time = el("output", { class: "time", id: "time", "aria-label": "Moment" }, clock(video.start));
    this.note = el("p", { class: "note", role: "status" });
    const shape = (video.probe?.width || 16) / (video.probe?.height || 9);
    player.element.style.setProperty("--shape", Math.min(2.4, Math.max(0.6, shape)));
    main.append(
      el("header", { class: "heading" }, el("h1", { class: "title" }, video.name),
        el("p", { class: "facts" }, [clock(video.duration, 1), facts(video.probe ?? {})].filter(Boolean).join(" · "),
          el("code", {}, video.id), button("Copy the id", () => copy(video.id, "id"), { class: "tool" }, icon("copy")))),
      el("div", { class: "stage" },
        el("div", { class: "theatre" }, player.element, this.note, this.transport()),
        this.panel.element),
      this.timeline.element,
      hints());
    this.timeline.fit();
    this.tick();
    this.looking = setInterval(() => this.lookAgain(), LOOK_AGAIN);
  }

  transport() {
    const { player, video } = this;
    return el("div", { class: "transport", role: "toolbar", "aria-label": "Player" },
      button("One frame back (,)", () => player.step(-1), { class: "tool" }, icon("back")),
      this.playing,
      button("One frame on (.)", () => player.step(1), { class: "tool" }, icon("forward")),
      el("span", { class: "clock" }, this.time, el("span", { class: "of" }, ` / ${clock(video.start + video.duration)}`)),
      el("span", { class: "space" }),
      this.objects ? button("Boxes on the picture (b)", () => this.toggleBoxes(), { class: "tool", "aria-pressed": "true", id: "boxes" }, icon("boxes")) : null,
      el("button", { type: "button", class: "quiet", id: "ask", onclick: () => ask(video, player.time, this.timeline.sight()) }, "What an agent gets here"));
  }

  toggleBoxes() {
    const shown = this.boxes?.element.classList.toggle("off") === false;
    document.getElementById("boxes")?.setAttribute("aria-pressed", shown);
  }

  tick() {
    if (!this.time) return;
    const now = this.player.time;
    this.time.textContent = clock(now);
    this.timeline.move(now, this.player.playing);
    this.timeline.light(this.panel.show(now));
    this.boxes?.show(this.objects.instants(now));
    if (this.player.playing !== this.wasPlaying) this.playing.replaceChildren(icon(this.player.playing ? "pause" : "play"));
    this.wasPlaying = this.player.playing;
    if (!this.player.playing) this.address(now);
  }

  /** The moment in the address, so that a copied address leads back here. */
  address(now) {
    const hash = `#/video/${encodeURIComponent(this.video.id)}?at=${Number(now.toFixed(3))}`;
    if (hash === location.hash || this.closed) return;
    clearTimeout(this.writing);
    this.writing = setTimeout(() => !this.closed && history.replaceState(null, "", hash), 150);
  }

  go(at) {
    const asked = at === null ? NaN : Number(at);
    const seconds = Number.isFinite(asked) ? asked : this.video.start;
    this.player.seek(seconds);
    this.timeline.reveal(seconds);
  }

  update(where) {
    this.go(where.query.get("at"));
    return true;
  }

  /** Somebody may import while the page is open. */
  async lookAgain() {
    if (document.hidden) return;
    const { timelines = [] } = await api.video(this.video.id).catch(() => ({}));
    for (const line of timelines) {
      const track = this.tracks.find((known) => known.kind === line.kind);
      if (track?.count === line.count) continue;
      if (track) track.renew(line);
      else this.welcome(line);
      this.timeline.refresh();
    }
  }

  welcome(line) {
    const track = new Track(this.video.id, line);
    this.tracks.push(track);
    this.panel.tracks.push(track);
    track.addEventListener("change", () => this.panel.renew());
    track.addEventListener("change", () => this.tick());
    this.timeline.add(track, this.video.probe);
    if (line.kind !== "object" || this.objects) return;
    this.objects = track;
    this.drawBoxes();
  }

  /** Keys, when no field has them; answers whether the key meant something. */
  key(event) {
    const { player } = this;
    const far = event.shiftKey ? 5 : 1;
    const onButton = event.target.closest?.("button, a");
    const meanings = {
      " ": () => !onButton && (player.toggle(), true),
      ArrowLeft: () => this.jump(player.time - far),
      ArrowRight: () => this.jump(player.time + far),
      Home: () => this.jump(player.from),
      End: () => this.jump(player.to),
      ",": () => (player.step(-1), true),
      ".": () => (player.step(1), true),
      j: () => this.hop(1),
      k: () => this.hop(-1),
      b: () => (this.toggleBoxes(), true),
      "+": () => (this.timeline.zoom(2), true),
      "=": () => (this.timeline.zoom(2), true),
      "-": () => (this.timeline.zoom(0.5), true),
      0: () => (this.timeline.fit(), true),
    };
    return meanings[event.key]?.() ?? false;
  }

  jump(seconds) {
    this.player.seek(seconds);
    this.timeline.reveal(this.player.time);
    return true;
  }

  hop(direction) {
    const entry = this.panel.beside(this.player.time, direction);
    return entry ? this.jump(entry.start) : true;
  }

  close() {
    this.closed = true;
    clearInterval(this.looking);
    clearTimeout(this.writing);
    this.player.close();
    this.timeline.close();
    this.tracks.forEach((track) => track.close());
  }
}

function hints() {
  const keys = [["space", "play"], ["← →", "a second"], [", .", "a frame"], ["j k", "next, previous entry"], ["+ − 0", "zoom"], ["b", "boxes"], ["/", "search"]];
  return el("p", { class: "hints" }, keys.map(([key, meaning]) => el("span", {}, el("kbd", {}, key), ` ${meaning}`)));
}
