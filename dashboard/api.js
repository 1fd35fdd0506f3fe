// The HTTP API, as far as the page uses it.

/** What the server refused, in its own words. */
export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

function address(path, query = {}) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") parameters.set(name, value);
  }
  const text = parameters.toString();
  return `/v1/${path}${text ? `?${text}` : ""}`;
}

async function get(path, query, signal) {
  const answer = await fetch(address(path, query), { signal, headers: { accept: "application/json" } });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, body.detail || body.title || `the server said ${answer.status}`);
  return { ...body, served: served(answer.headers) };
}

/** Who answered, and in how many microseconds: the headers tell. */
function served(headers) {
  const took = /dur=([\d.]+)/.exec(headers.get("server-timing") ?? "");
  return { tier: headers.get("rushes-served"), micros: took ? Number(took[1]) * 1000 : 0 };
}

const of = (id) => `videos/${encodeURIComponent(id)}`;

export const videos = (cursor) => get("videos", { limit: 60, cursor });
export const video = (id, signal) => get(of(id), {}, signal);
export const entries = (id, query, signal) => get(`${of(id)}/entries`, query, signal);
export const context = (id, query) => get(`${of(id)}/context`, query);
export const search = (query, signal) => get("search", query, signal);
export const stats = (signal) => get("stats", {}, signal);

/** Addresses for `src`. */
export const link = {
  thumbnail: (id) => address(`${of(id)}/thumbnail`),
  media: (id) => address(`${of(id)}/media`),
  still: (id, number, width) => address(`${of(id)}/frames/${number}/image`, { width }),
  at: (id, seconds, width) => address(`${of(id)}/frame`, { at: seconds, width }),
  sheet: (id, from, to) => address(`${of(id)}/sheet`, { from, to }),
};
