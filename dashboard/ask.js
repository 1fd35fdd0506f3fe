// What an agent gets for a moment: the packed context, and the contact sheet of the window.

import * as api from "./api.js";
import { button, copy, el } from "./dom.js";
import { clock, count, micros } from "./format.js";

/** Opens the answer in a dialog. */
export async function ask(video, at, [from, to]) {
  const place = el("div", { class: "answer" }, el("p", {}, "…"));
  const dialog = el("dialog", { class: "ask", "aria-label": `What an agent gets at ${clock(at)}`, onclose: () => dialog.remove() },
    el("header", {}, el("h2", {}, `What an agent gets at ${clock(at)}`),
      button("Close", () => dialog.close(), { class: "quiet" }, "Close")),
    place);
  document.body.append(dialog);
  dialog.showModal();
  try {
    const answer = await api.context(video.id, { at: Math.max(0, at), budget: 1000 });
    place.replaceChildren(...draw(video, answer, Math.max(0, from), Math.max(0, to)));
  } catch (error) {
    place.replaceChildren(el("p", { role: "alert" }, error.message));
  }
}

function draw(video, answer, from, to) {
  const left = answer.left_out ? `, ${count(answer.left_out)} lines left out` : "";
  const never = answer.never_computed?.length ? ` Never computed: ${answer.never_computed.join(", ")}.` : "";
  return [
    el("p", { class: "facts" },
      `${count(answer.tokens)} of ${count(answer.budget)} tokens (${answer.tokenizer})${left}; ` +
      `${answer.served.tier} in ${micros(answer.served.micros)}.${never}`),
    el("pre", { tabindex: 0 }, answer.text),
    el("p", {}, button("Copy the context", () => copy(answer.text, "context"), { class: "quiet" }, "Copy the context")),
    el("h3", {}, `Contact sheet, ${clock(from)} to ${clock(to)}`),
    el("img", { class: "sheet", src: api.link.sheet(video.id, from.toFixed(3), to.toFixed(3)), alt: "Frames of the window, each with its time", onerror: (event) => event.target.replaceWith(el("p", { class: "facts" }, "There are no frames in this window.")) }),
  ];
}
