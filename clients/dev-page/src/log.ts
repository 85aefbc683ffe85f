// The panel that shows each request and its answer, with tokens shortened.

import { byId, make, show } from "./dom.js";

const MAX_ENTRIES = 60;
/** Long pictures and tokens would hide the rest. */
const LONG_DATA = /data:[\w/+;,-]{20}[\w+/=]*/g;
const TOKEN = /eyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g;

/** Tokens and pictures, cut to what tells them apart. */
export function shorten(text: string): string {
  return text
    .replace(TOKEN, (token) => `${token.slice(0, 10)}…${token.slice(-6)}`)
    .replace(LONG_DATA, (data) => `${data.slice(0, 22)}… (${data.length} characters)`);
}

function pretty(text: string): string {
  try {
    return shorten(JSON.stringify(JSON.parse(text), undefined, 2));
  } catch {
    return shorten(text);
  }
}

function block(title: string, text: string): HTMLElement {
  return make("pre", {}, `${title}\n\n${text}`.trimEnd());
}

/** `fetch`, with an entry in the panel for each call. */
export const loggedFetch: typeof fetch = async (url, init) => {
  const method = init?.method ?? "GET";
  const { pathname, search } = new URL(String(url), location.href);
  const began = performance.now();
  const headers = new Headers(init?.headers);
  const sent = [`${method} ${pathname}${search}`];
  headers.forEach((value, name) => sent.push(`${name}: ${shorten(value)}`));
  // All routes but a few begin so: the rest tells them apart.
  const route = `${method} ${pathname.replace(/^\/auth\/v1/, "")}`;
  const status = make("span", { class: "status" }, "…");
  const duration = make("span", { class: "meta" });
  const answer = block("", "No answer yet.");
  const entry = make(
    "li",
    {},
    make(
      "details",
      {},
      make("summary", {}, status, make("span", { class: "path" }, route), duration),
      block(sent.join("\n"), pretty(String(init?.body ?? ""))),
      answer,
    ),
  );
  const log = byId("log");
  log.prepend(entry);
  while (log.children.length > MAX_ENTRIES) log.lastElementChild?.remove();
  show(byId("log-empty"), false);
  try {
    const response = await fetch(url, init);
    const text = await response.clone().text();
    status.textContent = String(response.status);
    status.classList.add(response.ok ? "good" : "bad");
    const got = [`${response.status} ${response.statusText}`];
    for (const name of ["content-type", "retry-after", "ratelimit-remaining", "x-request-id"]) {
      const value = response.headers.get(name);
      if (value) got.push(`${name}: ${value}`);
    }
    answer.replaceWith(block(got.join("\n"), pretty(text)));
    return response;
  } catch (error) {
    status.textContent = "failed";
    status.classList.add("bad");
    answer.replaceWith(block("", String(error)));
    throw error;
  } finally {
    duration.textContent = `${Math.round(performance.now() - began)} ms`;
  }
};

export function startLog(): void {
  byId("log-clear").addEventListener("click", () => {
    byId("log").replaceChildren();
    show(byId("log-empty"), true);
  });
}
