// Messages from device to device, the way a server would carry them.

import { CiphertextMessageType } from "@signalapp/libsignal-client";
import assert from "node:assert/strict";

/** Carries a message of this kind, which must arrive as it was written. */
export async function deliver(from, to, type) {
  const text = `From ${from.name} to ${to.name}: ${crypto.randomUUID()}`;
  try {
    const message = await from.encrypt(to, text);
    assert.equal(CiphertextMessageType[message.type], CiphertextMessageType[type]);
    assert.equal(await to.decrypt(from, message), text);
  } catch (error) {
    throw new Error(`no message from ${from.name} reaches ${to.name}`, { cause: error });
  }
}

/** One has begun a session: its first message, the answer, and one more each way. */
export async function converse(one, other) {
  await deliver(one, other, CiphertextMessageType.PreKey);
  for (const [from, to] of [[other, one], [one, other], [other, one]]) {
    await deliver(from, to, CiphertextMessageType.Whisper);
  }
}
