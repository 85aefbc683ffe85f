// The messages that would have been sent by SMS.

import { byId, make, show } from "./dom.js";

interface Message {
  to: string;
  code: string;
  body: string;
  at: string;
}

/** Each look is a line in the log of the service: often only where a message is expected. */
const OFTEN = 2_000;
const SELDOM = 15_000;
const EXPECTED_FOR = 10_000;
const SHOWN = 12;

let shown = "";
let often: number | undefined;
let look = () => {};

/** A message may come, by what this window has just sent. */
export function expectMessage(): void {
  clearInterval(often);
  const timer = window.setInterval(() => look(), OFTEN);
  often = timer;
  setTimeout(() => clearInterval(timer), EXPECTED_FOR);
  look();
}

export async function messages(): Promise<Message[]> {
  const response = await fetch("/dev/inbox", { headers: { accept: "application/json" } });
  if (!response.ok) return [];
  return (await response.json()) as Message[];
}

const digits = (number: string) => number.replace(/\D/g, "");

/** The code of the newest message (to this number). */
export async function newestCode(to?: string): Promise<string> {
  const all = await messages();
  const found = all.find((message) => to === undefined || digits(message.to) === digits(to));
  if (!found) throw new Error("There is no message to this number yet.");
  return found.code;
}

/** Shows the messages, and hands the chosen code to the page. */
export function startInbox(use: (code: string) => void): void {
  const refresh = async () => {
    if (document.hidden) return;
    const all = (await messages()).slice(0, SHOWN);
    const state = JSON.stringify(all);
    if (state === shown) return;
    shown = state;
    show(byId("inbox-empty"), all.length === 0);
    byId("messages").replaceChildren(...all.map((message) => entry(message, use)));
  };
  look = () => void refresh().catch(() => undefined);
  setInterval(look, SELDOM);
  // What another window has caused is here as soon as this one is looked at.
  document.addEventListener("visibilitychange", look);
  addEventListener("focus", look);
  look();
}

function entry({ to, code, body, at }: Message, use: (code: string) => void): HTMLLIElement {
  const button = make("button", { type: "button", class: "small", "aria-label": `Use code ${code}` }, "Use");
  button.addEventListener("click", () => use(code));
  return make(
    "li",
    {},
    make(
      "div",
      { class: "item" },
      make("div", {}, make("span", { class: "message-code" }, code), make("div", { class: "meta" }, `${to}, ${new Date(at).toLocaleTimeString()}`)),
      button,
    ),
    make("div", { class: "hint" }, body),
  );
}
