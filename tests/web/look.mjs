// What everyone needs of the page: it fits the screen, in light and dark; axe-core finds nothing; the
// keyboard reaches everything. Screenshots of all states are in target/web.
//
//     node look.mjs <address of a local service> <Chromium>

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { card, isIn, newNumber, newWindow, openPage, play } from "./browser.mjs";

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const OUT = new URL("../../target/web/", import.meta.url).pathname;
const SIZES = [
  { width: 1280, height: 900 },
  { width: 390, height: 844 },
];

/** Looks at the page on every screen. */
async function look(page, state, scheme) {
  for (const size of SIZES) {
    await page.setViewportSize(size);
    await page.evaluate(() => scrollTo({ top: 0, behavior: "instant" }));
    const place = `${state}, ${scheme}, ${size.width} px`;
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= size.width, `${place}: ${width} px wide`);
    await page.evaluate(AXE);
    const { violations } = await page.evaluate(() =>
      axe.run({
        runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
        resultTypes: ["violations"],
      }),
    );
    const found = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html)}`);
    assert.deepEqual(found, [], place);
    await page.screenshot({ path: `${OUT}${state}-${scheme}-${size.width}.png`, fullPage: true });
  }
  await page.setViewportSize(SIZES[0]);
}

async function states(browser, scheme) {
  const window = await newWindow(browser, { colorScheme: scheme, reducedMotion: "reduce" });
  const page = await openPage(window);
  await look(page, "signed-out", scheme);

  const form = card(page, "Sign up or log in");
  await form.getByRole("button", { name: "Send a code", exact: true }).click();
  await form.getByText(/A code of \d+ digits/).waitFor();
  await page.locator("#messages li").first().waitFor();
  await look(page, "code", scheme);
  await form.getByRole("button", { name: "Start again" }).click();

  await form.getByRole("button", { name: "Sign up with a random number" }).click();
  await isIn(page);
  await page.locator("#security-events li").first().waitFor();
  const factor = card(page, "Second factor");
  await factor.getByRole("button", { name: "Set up" }).click();
  await factor.getByRole("button", { name: "Fill in" }).first().click();
  await page.locator("#log summary").first().click();
  await look(page, "signed-in", scheme);
  // Another one: time has passed.
  await factor.getByRole("button", { name: "Fill in" }).first().click();
  await factor.getByRole("button", { name: "Enable" }).click();
  await factor.getByText("Backup codes", { exact: true }).waitFor();
  await page.getByRole("button", { name: /^Rename/ }).click();
  await page.getByRole("dialog").waitFor();
  await look(page, "dialog", scheme);
  await page.keyboard.press("Escape");
  await card(page, "Devices").getByText("Cancelled.").waitFor();
  await look(page, "second-factor", scheme);
  await window.close();
}

/** Signs up without a mouse. */
async function byKeyboard(browser) {
  const page = await openPage(await newWindow(browser));
  const focused = () => page.evaluate(() => document.activeElement?.id || document.activeElement?.textContent);
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "Skip to the content");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "phone");
  await page.keyboard.press("Control+A");
  await page.keyboard.type(newNumber());
  await page.keyboard.press("Enter");
  await page.getByText(/A code of \d+ digits/).waitFor();
  assert.equal(await focused(), "code", "the focus goes to the next field");
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.equal(outline, "solid", "the focus is seen");
  for (let steps = 0; (await focused()) !== "use-newest"; steps++) {
    assert.ok(steps < 10, "the button is reached");
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("Space");
  await page.waitForFunction(() => document.getElementById("code").value.length === 6);
  await page.locator("#code").press("Enter");
  await isIn(page);
  assert.equal(await focused(), "main", "the focus is not lost with the form");
}

/** A message is text, whatever it holds. */
async function markup(browser) {
  const window = await newWindow(browser);
  const hostile = "<img src=x onerror=alert(1)></li><script>alert(2)</script>&lt;";
  const message = { to: hostile, code: hostile, body: hostile, at: hostile };
  await window.route("**/dev/inbox", (route) => {
    const isPage = route.request().resourceType() === "document";
    return isPage ? route.continue() : route.fulfill({ json: [message] });
  });
  const page = await openPage(window, "/dev/inbox");
  await page.locator("#messages li").waitFor();
  assert.equal(await page.locator("#messages .message-code").textContent(), hostile);
  assert.equal(await page.locator("#messages :is(img, script)").count(), 0);
}

await play(async (browser) => {
  await Promise.all([states(browser, "light"), states(browser, "dark"), byKeyboard(browser), markup(browser)]);
});
