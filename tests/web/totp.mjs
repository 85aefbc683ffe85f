// Codes of an authenticator app (RFC 6238), computed apart from the page.

import { createHmac } from "node:crypto";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** The code of so many steps from now; the service takes one early or late. */
export function totp(secret, stepsAhead = 0) {
  const bits = [...secret.replaceAll(" ", "")]
    .map((letter) => ALPHABET.indexOf(letter).toString(2).padStart(5, "0"))
    .join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + stepsAhead));
  const mac = createHmac("sha1", key).update(counter).digest();
  const number = (mac.readUInt32BE(mac[19] & 0x0f) & 0x7fffffff) % 1_000_000;
  return String(number).padStart(6, "0");
}
