// The page of the local service: shows what fits the session and the service.

import { loadAccount, startAccount } from "./account.js";
import { loadDevices, startDevices } from "./devices.js";
import { byId, describe, run, tell } from "./dom.js";
import { loadHistory, startHistory } from "./history.js";
import { startInbox } from "./inbox.js";
import { startLog } from "./log.js";
import { resetQr, startQr } from "./qr.js";
import { loadSecondFactor, startSecondFactor } from "./second-factor.js";
import { client, DEVICE, memory, offeredParts, onSession } from "./service.js";
import { showSession, startSession } from "./session.js";
import { restart, startSignIn, takeCode } from "./sign-in.js";

let offered = new Set<string>();
let signedInAs: string | undefined;

function showParts(state: "in" | "out"): void {
  for (const part of document.querySelectorAll<HTMLElement>("[data-when], [data-needs]")) {
    const { when, needs } = part.dataset;
    part.hidden = (when !== undefined && when !== state) || (needs !== undefined && !offered.has(needs));
  }
}

/** Reads each part again, one after the other: a few requests, in an order that the log shows. */
async function load(): Promise<void> {
  await run("devices-result", loadDevices);
  await run("factor-result", loadSecondFactor);
  if (offered.has("account")) await run("account-result", loadAccount);
  await run("history-result", loadHistory);
}

async function render(reason = ""): Promise<void> {
  const session = await client.session();
  const state = byId("state");
  if (!session) {
    const was = signedInAs;
    signedInAs = undefined;
    showParts("out");
    if (was) {
      restart();
      resetQr();
      byId("main").focus();
    }
    state.textContent = `Signed out${reason && `: ${reason}`}. This window is device ${DEVICE}.`;
    return;
  }
  const isNew = signedInAs !== session.refreshToken && signedInAs === undefined;
  signedInAs = session.refreshToken;
  showParts("in");
  showSession(session);
  const phone = memory.get("shown");
  state.textContent = `Signed in${phone ? ` as ${phone}` : ""}. This window is device ${DEVICE}.`;
  if (isNew) {
    restart();
    resetQr();
    byId("main").focus();
    await load();
  }
}

function markWindow(): void {
  for (const link of document.querySelectorAll<HTMLAnchorElement>(".windows a")) {
    if (link.textContent === DEVICE) link.setAttribute("aria-current", "page");
  }
  document.title = `auth: device ${DEVICE}`;
}

async function start(): Promise<void> {
  markWindow();
  startLog();
  startSignIn();
  startSession();
  startDevices();
  startSecondFactor();
  startQr();
  startAccount();
  startHistory();
  startInbox(takeCode);
  onSession((event) => void render(event.type === "signed_out" ? event.reason.replaceAll("_", " ") : ""));
  offered = await offeredParts();
  await render();
  document.body.dataset["ready"] = "";
  if (location.pathname === "/dev/inbox") byId("inbox").scrollIntoView();
}

start().catch((error: unknown) => tell("state", describe(error), "bad"));
