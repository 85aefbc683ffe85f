// The messages that would have been sent by SMS.

import { byId, make, show } from "./dom.js";

interface Message {
  to: string;
  code: string;
  body: string;
  at: string;
}

const EVERY = 2000;
const SHOWN = 12;

let shown = "";

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
  const poll = () => void refresh().catch(() => undefined);
  setInterval(poll, EVERY);
  document.addEventListener("visibilitychange", poll);
  poll();
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
