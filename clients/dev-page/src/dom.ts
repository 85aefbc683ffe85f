// The few helpers that the parts of the page share: elements, results, running one thing at a time.

import { NetworkError, ProblemError, SignedOutError } from "../../typescript/src/index.js";

/** An element of page.html, which must be there. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (!element) throw new Error(`page.html has no #${id}`);
  return element as T;
}

export const input = (id: string) => byId<HTMLInputElement>(id);
export const button = (id: string) => byId<HTMLButtonElement>(id);
export const form = (id: string) => byId<HTMLFormElement>(id);

type Properties = Record<string, string | number | boolean | undefined>;

/** Makes an element. Text is text, never markup. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: (Node | string | undefined)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== undefined && value !== false) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

export function show(element: HTMLElement, visible: boolean): void {
  element.hidden = !visible;
}

/** Writes the outcome of a step where screen readers announce it. */
export function tell(resultId: string, text: string, kind: "good" | "bad" | "plain" = "plain"): void {
  const element = byId(resultId);
  element.dataset["kind"] = kind;
  element.textContent = text;
}

/** What a developer reads of an error. */
export function describe(error: unknown): string {
  if (error instanceof ProblemError) {
    const fields = error.problem.errors?.map(({ field, detail }) => `${field}: ${detail}`) ?? [];
    const wait = error.retryAfter === undefined ? [] : [`Wait ${error.retryAfter} s.`];
    return [`${error.detail} (${error.code})`, ...fields, ...wait].join(" ");
  }
  if (error instanceof NetworkError) return "The service does not answer.";
  if (error instanceof SignedOutError) return `Signed out (${error.reason}).`;
  return String(error);
}

/** The user closed a dialog: nothing to report. */
export class Cancelled extends Error {}

/** Runs a step: its buttons rest meanwhile, and its error is shown. */
export async function run(
  resultId: string,
  work: () => Promise<string | void>,
  ...buttons: HTMLButtonElement[]
): Promise<void> {
  for (const each of buttons) each.disabled = true;
  tell(resultId, "");
  try {
    const text = await work();
    if (text) tell(resultId, text, "good");
  } catch (error) {
    if (error instanceof Cancelled) tell(resultId, "Cancelled.");
    else tell(resultId, describe(error), "bad");
  } finally {
    for (const each of buttons) each.disabled = false;
  }
}

/** Runs a step at each click. */
export function onClick(id: string, resultId: string, work: () => Promise<string | void>): void {
  const element = button(id);
  element.addEventListener("click", () => void run(resultId, work, element));
}

/** Runs a step at each submission; `value` is that of the button that was pressed. */
export function onSubmit(
  id: string,
  resultId: string,
  work: (value: string) => Promise<string | void>,
): void {
  const element = form(id);
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    const pressed = event.submitter as HTMLButtonElement | null;
    const buttons = [...element.querySelectorAll("button")];
    void run(resultId, () => work(pressed?.value ?? ""), ...buttons);
  });
}

export function when(time: string | number): string {
  return new Date(time).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

/** Makes the rows of a list of facts. */
export function facts(id: string, rows: Record<string, string | Node | undefined>): void {
  const shown = Object.entries(rows).filter(([, value]) => value !== undefined);
  byId(id).replaceChildren(
    ...shown.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]),
  );
}
