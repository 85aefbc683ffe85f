// An authenticator app for people who try the service without a phone: codes as RFC 6238 has them.

import { memory } from "./service.js";

const STEP = 30;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** Secrets of all windows, by user: the account is one, the devices are several. */
const KEY = "auth.authenticator";

type Secrets = Record<string, { secret: string; lastStep: number }>;

function secrets(): Secrets {
  return JSON.parse(localStorage.getItem(KEY) ?? "{}") as Secrets;
}

/** The account of this window: the last one that was signed in, or whose number was typed. */
function account(): string {
  return memory.get("account") ?? "";
}

export function keepSecret(secret: string): void {
  const all = { ...secrets(), [account()]: { secret, lastStep: 0 } };
  localStorage.setItem(KEY, JSON.stringify(all));
}

export function hasSecret(): boolean {
  return account() in secrets();
}

/** A code that was not given before: the service takes each once, and one of the next step, too. */
export async function nextCode(): Promise<string> {
  const all = secrets();
  const entry = all[account()];
  if (!entry) throw new Error("This page does not know the secret: take your app.");
  const now = Math.floor(Date.now() / 1000 / STEP);
  const step = Math.max(entry.lastStep + 1, now);
  if (step > now + 1) throw new Error("All codes of this minute are used. Wait for the next.");
  entry.lastStep = step;
  localStorage.setItem(KEY, JSON.stringify(all));
  return codeAt(entry.secret, step);
}

async function codeAt(secret: string, step: number): Promise<string> {
  const algorithm = { name: "HMAC", hash: "SHA-1" };
  const key = await crypto.subtle.importKey("raw", decode(secret), algorithm, false, ["sign"]);
  const counter = new DataView(new ArrayBuffer(8));
  counter.setBigUint64(0, BigInt(step));
  const mac = new DataView(await crypto.subtle.sign("HMAC", key, counter.buffer));
  const offset = mac.getUint8(19) & 0x0f;
  const number = (mac.getUint32(offset) & 0x7fff_ffff) % 1_000_000;
  return String(number).padStart(6, "0");
}

function decode(base32: string): Uint8Array<ArrayBuffer> {
  const bits = [...base32.replace(/[\s=]/g, "").toUpperCase()]
    .map((letter) => ALPHABET.indexOf(letter).toString(2).padStart(5, "0"))
    .join("");
  return Uint8Array.from(bits.match(/.{8}/g) ?? [], (byte) => Number.parseInt(byte, 2));
}
