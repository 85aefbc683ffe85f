// A second window logs in by QR code: by the code that a logged-in window shows, and by its own.
// Played as soon as the service has the routes.
//
//     node qr.mjs <address of a local service> <Chromium>

import assert from "node:assert/strict";
import { card, fetchJson, isIn, newNumber, newWindow, openPage, play, signUp } from "./browser.mjs";

const PHONE = newNumber();

const { paths } = await fetchJson("/auth/swagger-json");
const routes = Object.keys(paths).map((path) => path.replace(/\{\w+\}/g, "{}"));
const has = (route) => routes.includes(`/auth/v1/qr-code/${route}`);
const offered = { challenge: has("challenge/{}/approve"), link: has("link/{}/approve") };
if (!offered.challenge && !offered.link) {
  console.log("SKIPPED: the service has no log-in by QR code");
  process.exit(0);
}

await play(async (browser) => {
  const phone = await openPage(await newWindow(browser));
  await signUp(phone, PHONE);
  const out = card(phone, "Log in another device");

  if (offered.challenge) {
    const web = await openPage(await newWindow(browser));
    const scan = card(web, "Log in by QR code");
    await out.getByRole("button", { name: "Show a code" }).click();
    const content = out.locator("#challenge-text");
    await content.waitFor();
    await scan.getByLabel("Content of its code").fill(await content.inputValue());
    await scan.getByRole("button", { name: "Scan" }).click();
    const code = scan.locator("#scan-confirm");
    await code.waitFor();
    await out.getByText(/^Scanned by/).waitFor();
    await out.getByLabel("Code that the new device shows").first().fill(await code.textContent());
    await out.getByRole("button", { name: "Approve" }).first().click();
    await out.getByText("Approved.").waitFor();
    await web.getByText(/^Signed in/).waitFor();
    await card(web, "Devices").getByText("this device").waitFor();
  }

  if (offered.link) {
    const web = await openPage(await newWindow(browser));
    const shown = card(web, "Log in by QR code");
    await shown.getByRole("button", { name: "Show a QR code" }).click();
    const image = shown.getByAltText("QR code of this log-in");
    await image.waitFor();
    assert.ok(await image.evaluate((image) => image.naturalWidth > 20));
    await out.getByPlaceholder("whispr://link?…").fill(await shown.locator("#link-text").inputValue());
    await out.getByRole("button", { name: "Look at it" }).click();
    await out.getByText(/^Shown by/).waitFor();
    await out.locator("#approve-confirm").fill(await shown.locator("#link-confirm").textContent());
    await out.locator("#approve-confirm-form").getByRole("button", { name: "Approve" }).click();
    await out.getByText("Approved.").waitFor();
    await web.getByText(/^Signed in/).waitFor();
  }

  const devices = card(phone, "Devices");
  await devices.getByRole("button", { name: "Reload" }).click();
  const expected = 1 + Number(offered.challenge) + Number(offered.link);
  await devices.locator(`li:nth-child(${expected})`).waitFor();
  assert.equal(await devices.locator("li").count(), expected);
  await isIn(phone);
});
