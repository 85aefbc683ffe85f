// Two tabs share one stored refresh token. Whatever happens to a request, they stay signed in
// together, and they are signed out together.
//
//     node tabs.mjs <address of a local service> <Chromium>

import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { card, isIn, newWindow, openPage, play } from "./browser.mjs";

const RECORD = "auth.device-1";

const record = (page) => page.evaluate((key) => stored.read(key), RECORD);

/** The access token seems to have expired, in all tabs at once. */
const expire = (page) =>
  page.evaluate(async (key) => {
    const record = await stored.read(key);
    record.session.accessExpiresAt = 0;
    await stored.write(key, record);
  }, RECORD);

/** Another tab, which has logged out; its request is not ours to wait for. */
const logOutElsewhere = (page) =>
  page.evaluate(async (key) => {
    const { session, ...rest } = await stored.read(key);
    const before = JSON.stringify({ ...rest, session });
    const after = { ...rest, signedOut: "logged_out" };
    await stored.write(key, after);
    const change = { key, oldValue: before, newValue: JSON.stringify(after) };
    new BroadcastChannel("auth-service-client").postMessage(change);
  }, RECORD);

/** The record of the client, for the functions above. */
function addStored() {
  const ended = (request) =>
    new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  const records = async (mode) => {
    const database = await ended(indexedDB.open("auth-service-client"));
    const transaction = database.transaction("records", mode);
    transaction.oncomplete = () => database.close();
    return transaction.objectStore("records");
  };
  globalThis.stored = {
    read: async (key) => JSON.parse(await ended((await records("readonly")).get(key))),
    write: async (key, record) => ended((await records("readwrite")).put(JSON.stringify(record), key)),
  };
}

/** Uses the session: true if it was answered, else what the page tells. */
async function use(page) {
  const devices = card(page, "Devices");
  await page.evaluate(() => document.getElementById("devices").replaceChildren());
  await devices.getByRole("button", { name: "Reload" }).click();
  const refusal = page.locator("#devices-result[data-kind=bad]:not(:empty)");
  await devices.getByText("this device").or(refusal).first().waitFor();
  return (await refusal.count()) === 0 || (await refusal.textContent());
}

async function twoTabs(browser, prepare = () => {}) {
  const window = await newWindow(browser);
  await window.addInitScript(addStored);
  await prepare(window);
  const first = await openPage(window);
  await first.getByRole("button", { name: "Sign up with a random number" }).click();
  await isIn(first);
  const second = await openPage(window);
  await isIn(second);
  for (const page of [first, second]) await page.locator("#security-events li").first().waitFor();
  return { window, first, second };
}

/** Counts the refreshes; each takes long enough for the other tab to want one, too. */
async function countRefreshes(window, answer = (route) => route.continue()) {
  const seen = [];
  await window.route("**/tokens/refresh", async (route) => {
    seen.push(route.request().postDataJSON().refreshToken);
    await pause(400);
    await answer(route);
  });
  return seen;
}

/** Both tabs refresh at once. Gives the tokens that were sent, and the one that was stored. */
async function refreshAtOnce({ window, first, second }) {
  const before = await record(first);
  const sent = await countRefreshes(window);
  await expire(first);
  assert.deepEqual(await Promise.all([use(first), use(second)]), [true, true]);
  const after = await record(second);
  assert.notEqual(after.session.refreshToken, before.session.refreshToken);
  assert.deepEqual(await record(first), after);
  await window.unroute("**/tokens/refresh");
  return { sent, stored: before.session.refreshToken };
}

await play(async (browser) => {
  // ── With the locks of the browser, and without ──
  const tabs = await twoTabs(browser);
  const locked = await refreshAtOnce(tabs);
  assert.deepEqual(locked.sent, [locked.stored], "one request, with the stored token");
  const withoutLocks = await twoTabs(browser, (window) =>
    window.addInitScript(() => {
      Object.defineProperty(Navigator.prototype, "locks", { value: undefined });
    }),
  );
  assert.equal(await withoutLocks.first.evaluate(() => navigator.locks), undefined);
  // A busy browser may let both through. The service then gives both the same token.
  const claimed = await refreshAtOnce(withoutLocks);
  assert.deepEqual([...new Set(claimed.sent)], [claimed.stored]);
  assert.ok(claimed.sent.length <= 2, `${claimed.sent.length} requests`);
  assert.equal(await use(withoutLocks.second), true);
  await withoutLocks.window.close();

  const { window, first, second } = tabs;

  // ── The service refreshes, but its answer is lost: the token is kept, and is taken again ──
  const kept = await record(first);
  let sent = await countRefreshes(window, async (route) => {
    await route.fetch();
    await route.abort();
  });
  await expire(first);
  assert.equal(await use(first), "The service does not answer.");
  assert.equal(sent.length, 1);
  assert.equal((await record(first)).session.refreshToken, kept.session.refreshToken);
  await window.unroute("**/tokens/refresh");
  sent = await countRefreshes(window);
  assert.deepEqual(await Promise.all([use(first), use(second)]), [true, true]);
  assert.deepEqual(sent, [kept.session.refreshToken], "the token that was kept");
  await window.unroute("**/tokens/refresh");

  // ── Somebody signs out while a refresh is under way: its answer signs nobody in again ──
  sent = await countRefreshes(window);
  await expire(first);
  const late = use(first);
  while (sent.length === 0) await pause(20);
  await logOutElsewhere(second);
  await first.getByText("Signed out: logged out.").waitFor();
  await pause(600);
  assert.equal((await record(first)).session, undefined);
  await late.catch(() => undefined);
  await window.unroute("**/tokens/refresh");

  // ── A sign-in and a sign-out in one tab are the other's, too ──
  await second.reload();
  await second.getByRole("button", { name: "Sign up with a random number" }).click();
  await isIn(first);
  await isIn(second);
  await card(first, "This session").getByRole("button", { name: "Log out", exact: true }).click();
  await second.getByText("Signed out: logged out.").waitFor();
  const { session, previousToken } = await record(second);
  assert.equal(session, undefined);
  assert.match(previousToken, /^eyJ/, "it shows later that this is a known device");
});
