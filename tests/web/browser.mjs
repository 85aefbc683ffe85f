// A headless Chromium, and the page of the local service as a person uses it.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const [, , base, executablePath] = process.argv;
assert.ok(base && executablePath, "usage: node <scenario>.mjs <address of a local service> <Chromium>");

/** Seconds are enough; but machines are busy. */
const PATIENCE = 20_000;

/** Runs a scenario in a browser of its own; nothing of it is left. */
export async function play(scenario) {
  // Root has no sandbox. The pages are our own.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const browser = await chromium.launch({ executablePath, args });
  try {
    await scenario(browser);
  } finally {
    await browser.close();
  }
}

/** A number that nobody has yet: a scenario may be played again on a service that runs. */
export function newNumber() {
  return `+33 61${Math.floor(1_000_000 + Math.random() * 8_999_999)}`;
}

/** A browser window of its own, with storage of its own. */
export async function newWindow(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(PATIENCE);
  return context;
}

/** The page, once it knows whether somebody is signed in. */
export async function openPage(context, path = "/dev") {
  const page = await context.newPage();
  page.on("pageerror", (error) => assert.fail(`the page throws: ${error.stack}`));
  page.on("console", (message) => {
    // A refusal is an answer, too, and not a fault of the page.
    const isRefusal = /Failed to load resource/.test(message.text());
    assert.ok(message.type() !== "error" || isRefusal, `on the console: ${message.text()}`);
  });
  await page.goto(base + path);
  await page.locator("body[data-ready]").waitFor();
  return page;
}

/** The JSON that the service answers to a request of nobody. */
export async function fetchJson(path) {
  const response = await fetch(base + path, { headers: { accept: "application/json" } });
  assert.equal(response.status, 200, path);
  return response.json();
}

/** The part of the page with this heading. */
export function card(page, heading) {
  return page.getByRole("region", { name: heading, exact: true });
}

export function isIn(page) {
  return page.getByText("Signed in as").waitFor();
}

/** Signs up by the form, with the code of the inbox. */
export async function signUp(page, phoneNumber) {
  const form = card(page, "Sign up or log in");
  await form.getByLabel("Sign up", { exact: true }).check();
  await typeCode(page, form, phoneNumber);
  await isIn(page);
}

/** Types the number and the code; what comes then depends on the account. */
export async function typeCode(page, form, phoneNumber) {
  await form.getByLabel("Phone number").fill(phoneNumber);
  await form.getByRole("button", { name: "Send a code", exact: true }).click();
  await form.getByText(/A code of \d+ digits was sent/).waitFor();
  const messages = await fetchJson("/dev/inbox");
  const to = phoneNumber.replaceAll(" ", "");
  const { code } = messages.find((message) => message.to === to);
  await form.getByLabel("Code", { exact: true }).fill(code);
  await form.getByRole("button", { name: "Confirm" }).click();
}
