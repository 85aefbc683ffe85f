// A person signs up, uses a second factor, logs in on another device, and removes the first one there.
//
//     node journey.mjs <address of a local service> <Chromium>

import assert from "node:assert/strict";
import { card, isIn, newNumber, newWindow, openPage, play, signUp, typeCode } from "./browser.mjs";
import { totp } from "./totp.mjs";

const PHONE = newNumber();
const TOKEN = /eyJ[\w-]{8,}\.[\w-]{8,}/;

await play(async (browser) => {
  const window = await newWindow(browser);
  const page = await openPage(window);

  // ── Sign up; a wrong code is told ──
  const form = card(page, "Sign up or log in");
  await form.getByLabel("Phone number").fill("+33 1");
  await form.getByRole("button", { name: "Send a code", exact: true }).click();
  await form.getByText("validation_failed").waitFor();
  await signUp(page, PHONE);
  const devices = card(page, "Devices");
  await devices.getByText("this device").waitFor();

  // ── Rename ──
  await devices.getByRole("button", { name: /^Rename/ }).click();
  await page.getByLabel("New name").fill("My <b>laptop</b>");
  await page.getByRole("button", { name: "Continue" }).click();
  await devices.getByText("My <b>laptop</b>", { exact: true }).waitFor();

  // ── The second factor, by codes that this test computes ──
  const factor = card(page, "Second factor");
  await factor.getByRole("button", { name: "Set up" }).click();
  const image = factor.getByAltText("QR code for an authenticator app");
  await image.waitFor();
  assert.ok(await image.evaluate((image) => image.naturalWidth > 100), "the policy lets the picture be shown");
  const secret = await factor.locator("#factor-secret").textContent();
  await factor.getByLabel("Code of the app", { exact: true }).fill(totp(secret));
  await factor.getByRole("button", { name: "Enable" }).click();
  await factor.getByText("On. 10 backup codes are left.").waitFor();
  await factor.getByRole("heading", { name: "Backup codes" }).waitFor();
  const codes = await factor.locator("#backup-codes li").allTextContents();
  assert.equal(new Set(codes).size, 10);
  const token = factor.getByLabel("Code of the app, or a backup code");
  await token.fill(totp(secret, 1));
  await factor.getByRole("button", { name: "Step up" }).click();
  await factor.getByText("This session needs no further code").waitFor();
  await token.fill(totp(secret, 1));
  await factor.getByRole("button", { name: "Step up" }).click();
  await factor.getByText("This code is wrong or was used.").waitFor();

  // ── Another device asks for it at log-in ──
  const secondWindow = await newWindow(browser);
  const second = await openPage(secondWindow);
  const logIn = card(second, "Sign up or log in");
  await logIn.getByLabel("Log in", { exact: true }).check();
  await typeCode(second, logIn, PHONE);
  await logIn.getByText("two_factor_required").waitFor();
  const backup = logIn.getByLabel("Code of the authenticator app, or a backup code");
  await backup.fill("AAAA-AAAA");
  await logIn.getByRole("button", { name: "Continue" }).click();
  await logIn.getByText("two_factor_invalid").waitFor();
  await backup.fill(codes[0]);
  await logIn.getByRole("button", { name: "Continue" }).click();
  await isIn(second);
  await card(second, "Second factor").getByText("On. 9 backup codes are left.").waitFor();

  // ── It removes the first one, which is older: that asks for the second factor again ──
  const others = card(second, "Devices");
  second.on("dialog", (dialog) => dialog.accept());
  const remove = others.getByRole("button", { name: "Remove My <b>laptop</b>" });
  await remove.click();
  const ask = second.getByRole("dialog", { name: "Second factor" });
  await ask.getByText("This asks for the second factor.").waitFor();
  await ask.getByRole("button", { name: "Cancel" }).click();
  await others.getByText("Cancelled.").waitFor();
  await remove.click();
  const answer = ask.getByLabel("Code of the app, or a backup code");
  await answer.fill("AAAA-AAAA");
  await ask.getByRole("button", { name: "Continue" }).click();
  await ask.getByText("is wrong or was used").waitFor();
  await answer.fill(codes[1]);
  await ask.getByRole("button", { name: "Continue" }).click();
  await others.getByText("Removed.").waitFor();
  assert.equal(await others.locator("li").count(), 1);
  await devices.getByRole("button", { name: "Reload" }).click();
  await page.getByText("Signed out: session ended.").waitFor();

  // ── A window that is opened again is still signed in; the log shows no token ──
  await second.locator("#log summary").first().click();
  const log = await second.locator("#log").innerText();
  assert.match(log, /\/auth\/v1\//);
  const whole = await second.locator("#log").textContent();
  assert.match(whole, /bearer eyJ/i);
  assert.doesNotMatch(whole, TOKEN);
  await second.reload();
  await isIn(second);
  await card(second, "This session").getByRole("button", { name: "Log out", exact: true }).click();
  await second.getByText("Signed out: logged out.").waitFor();
  await second.reload();
  await second.getByText("Signed out.").waitFor();
  await secondWindow.close();

  // ── Tokens that are bound to a key ──
  const bound = await openPage(window, "/dev?device=2");
  await bound.getByLabel("Bind the tokens").check();
  await bound.getByRole("button", { name: "Sign up with a random number" }).click();
  await isIn(bound);
  const session = card(bound, "This session");
  const thumbprint = await session.locator("dt", { hasText: "Bound to key" }).locator("+ dd").textContent();
  assert.match(thumbprint, /^[\w-]{43}$/);
  await session.getByRole("button", { name: "Refresh the tokens" }).click();
  await session.getByText("New tokens.").waitFor();
  await bound.reload();
  await isIn(bound);
  await card(bound, "Devices").getByText("this device").waitFor();
  assert.equal(await session.locator("dt", { hasText: "Bound to key" }).locator("+ dd").textContent(), thumbprint);
});
