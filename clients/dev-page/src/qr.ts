// Log-ins by QR code, both ways: the code is shown by the new device, or by one that is logged in.

import type { Tokens } from "../../typescript/src/index.js";
import { byId, form, input, onClick, onSubmit, run, show, tell } from "./dom.js";
import { FRESH, withProof } from "./proof.js";
import { client, DEVICE, memory, send } from "./service.js";

const POLL_EVERY = 1500;

/** Ends the polling of an earlier try. */
const running = new Map<string, AbortController>();

export function startQr(): void {
  onClick("link-start", "link-result", showLink);
  onSubmit("scan-form", "scan-result", scan);
  onClick("challenge-start", "challenge-result", showChallenge);
  onSubmit("challenge-form", "challenge-result", () => answerChallenge("approve"));
  onClick("challenge-deny", "challenge-result", () => answerChallenge("deny"));
  onSubmit("approve-form", "approve-result", lookAtLink);
  onSubmit("approve-confirm-form", "approve-result", () => answerLink("approve"));
  onClick("approve-deny", "approve-result", () => answerLink("deny"));
  document.querySelectorAll<HTMLButtonElement>("[data-copy]").forEach((button) => {
    button.addEventListener("click", () => {
      const field = input(button.dataset["copy"]!);
      field.select();
      void navigator.clipboard.writeText(field.value).then(() => (button.textContent = "Copied"));
    });
  });
}

/** Nothing of an earlier session is left. */
export function resetQr(): void {
  for (const controller of running.values()) controller.abort();
  running.clear();
  for (const id of ["link-shown", "scan-shown", "challenge-shown", "challenge-form", "approve-confirm-form"]) {
    show(byId(id), false);
  }
  for (const id of ["scan-form", "challenge-form", "approve-form", "approve-confirm-form"]) form(id).reset();
  for (const id of ["link-result", "scan-result", "challenge-result", "approve-result"]) tell(id, "");
}

/** How this device calls itself. */
async function newDevice(): Promise<Record<string, string>> {
  return {
    deviceId: await client.installationId(),
    deviceName: `Browser window ${DEVICE}`,
    deviceType: "web",
  };
}

/** Asks again and again until `step` gives true, or another try takes its place. */
function poll(resultId: string, text: string, step: (signal: AbortSignal) => Promise<boolean>): void {
  running.get(resultId)?.abort();
  const controller = new AbortController();
  running.set(resultId, controller);
  const { signal } = controller;
  void run(resultId, async () => {
    tell(resultId, text);
    while (!signal.aborted && !(await step(signal))) {
      await new Promise((resolve) => setTimeout(resolve, POLL_EVERY));
    }
  });
}

/** Polls for the tokens of the new device. */
function awaitTokens(resultId: string, path: string, body: object): void {
  poll(resultId, "Waiting for the other device …", async (signal) => {
    const answer = await send("POST", path, { body, signal });
    if (!answer?.accessToken) return false;
    // The number is masked: it was never typed here.
    memory.set("shown", answer.phoneNumber ?? "");
    await client.signIn(answer as Tokens);
    return true;
  });
}

// ── The new device ──────────────────────────────────────────────────────────────────────────

async function showLink(): Promise<void> {
  const link = await send("POST", "/qr-code/link", { body: await newDevice() });
  const { linkId, linkSecret, confirmCode, qr, qrPng } = link as Record<string, string>;
  input("link-text").value = qr ?? "";
  byId("link-confirm").textContent = confirmCode ?? "";
  const image = byId<HTMLImageElement>("link-image");
  image.src = qrPng ?? "";
  show(image, qrPng !== undefined);
  show(byId("link-shown"), true);
  awaitTokens("link-result", `/qr-code/link/${linkId}`, { linkSecret });
}

async function scan(): Promise<void> {
  const challenge = input("scan-challenge").value.trim();
  // `{id}.{deviceId}.{secret}`
  const authenticatedDeviceId = challenge.split(".")[1] ?? "";
  const body = { challenge, authenticatedDeviceId, ...(await newDevice()) };
  const answer = await send("POST", "/qr-code/scan", { body });
  const { scanId, scanSecret, confirmCode } = answer as Record<string, string>;
  byId("scan-confirm").textContent = confirmCode ?? "";
  show(byId("scan-shown"), true);
  awaitTokens("scan-result", `/qr-code/scan/${scanId}`, { scanSecret });
}

// ── The device that is logged in ────────────────────────────────────────────────────────────

let challengeId = "";
let linkId = "";

interface QrLogin {
  status: "waiting" | "scanned" | "approved" | "denied";
  device?: { deviceName: string; deviceType: string; network?: string };
}

/** What is known of the other device: its name, kind and network. */
function who({ device }: QrLogin): string {
  if (!device) return "nobody yet";
  return [device.deviceName, device.deviceType, device.network].filter(Boolean).join(", ");
}

async function showChallenge(): Promise<void> {
  const path = { id: (await client.session())!.deviceId };
  const challenge: string = await send("POST", "/qr-code/challenge/{id}", { path, bearer: true });
  challengeId = challenge.split(".")[0]!;
  input("challenge-text").value = challenge;
  show(byId("challenge-shown"), true);
  show(byId("challenge-form"), false);
  poll("challenge-result", "Waiting for a device to scan it …", async (signal) => {
    const shown = { path: { id: challengeId }, bearer: true, signal };
    const login: QrLogin = await send("GET", "/qr-code/challenge/{id}", shown);
    if (login.status === "waiting") return false;
    byId("challenge-who").textContent = `Scanned by: ${who(login)}.`;
    show(byId("challenge-form"), login.status === "scanned");
    input("challenge-confirm").focus();
    return true;
  });
}

async function answerChallenge(answer: "approve" | "deny"): Promise<string> {
  const confirmCode = input("challenge-confirm").value.trim();
  const text = await answerBy(`/qr-code/challenge/${encodeURIComponent(challengeId)}`, answer, confirmCode);
  show(byId("challenge-shown"), false);
  show(byId("challenge-form"), false);
  form("challenge-form").reset();
  return text;
}

async function lookAtLink(): Promise<void> {
  const text = input("approve-link").value.trim();
  // `whispr://link?id={linkId}`
  linkId = new URLSearchParams(text.split("?")[1] ?? "").get("id") ?? text;
  const login: QrLogin = await send("GET", "/qr-code/link/{id}", { path: { id: linkId }, bearer: true });
  byId("approve-who").textContent = `Shown by: ${who(login)}.`;
  show(byId("approve-confirm-form"), true);
  input("approve-confirm").focus();
}

async function answerLink(answer: "approve" | "deny"): Promise<string> {
  const confirmCode = input("approve-confirm").value.trim();
  const text = await answerBy(`/qr-code/link/${encodeURIComponent(linkId)}`, answer, confirmCode);
  show(byId("approve-confirm-form"), false);
  for (const id of ["approve-form", "approve-confirm-form"]) form(id).reset();
  return text;
}

async function answerBy(path: string, answer: "approve" | "deny", confirmCode: string): Promise<string> {
  if (answer === "deny") {
    await send("POST", `${path}/deny`, { bearer: true, body: {} });
    return "Denied.";
  }
  await withProof((proof) => {
    const body = { confirmCode, ...proof };
    return send("POST", `${path}/approve`, { bearer: true, body, maxTokenAge: FRESH });
  });
  return "Approved. The other device logs in now.";
}
