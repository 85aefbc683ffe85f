// A device changes its lasting keys and uploads new one-time keys: sessions begin with the new
// ones, messages that were under way still arrive, and the device can tell what is published.
//
//     node rotated.mjs <address of a local service>

import {
  CiphertextMessageType,
  KyberPreKeyRecord,
  SignedPreKeyRecord,
} from "@signalapp/libsignal-client";
import assert from "node:assert/strict";
import { Client } from "./client.mjs";
import { Device } from "./device.mjs";
import { converse, deliver } from "./talk.mjs";

const client = new Client(process.argv[2]);
const alice = await Device.register(client, "+33612345678", "alice");
const bob = await Device.register(client, "+33698765432", "bob", 5);
const carol = await Device.register(client, "+33611223344", "carol");

/** Whether Bob's lasting keys, or these in their place, are what the service has. */
async function published(instead) {
  const digest = bob.digest(instead);
  const { match } = await bob.client.post("/auth/v1/signal/keys/check", { digest });
  return match;
}

const bundleFor = async (device) => (await device.fetch(bob.userId)).devices[0];

// Before: Alice talks to Bob, and Carol's first message is under way.
const first = await bundleFor(alice);
await alice.begin(first);
await converse(alice, bob);
await carol.begin(await bundleFor(carol));
const late = await carol.encrypt(bob, "Sent before, read after");

assert.equal(await published(), true);
const { signedPrekey, lastResort } = bob;

// Each upload is published at once, and nothing else with it.
await bob.upload("signed-prekey", await bob.makeSignedPrekey());
assert.equal(await published({ signedPrekey }), false, "the old signed prekey is still there");
assert.equal(await published(), true, "the new signed prekey is not there");
await bob.upload("kyber-last-resort", await bob.makeLastResort());
assert.equal(await published({ lastResort }), false, "the old last resort is still there");
assert.equal(await published(), true, "the new last resort is not there");

// The ids count as well as the keys.
const renumbered = {
  signedPrekey: SignedPreKeyRecord.new(
    bob.signedPrekey.id() + 1,
    0,
    bob.signedPrekey.publicKey(),
    bob.signedPrekey.privateKey(),
    bob.signedPrekey.signature(),
  ),
  lastResort: KyberPreKeyRecord.new(
    bob.lastResort.id() + 1,
    0,
    bob.lastResort.keyPair(),
    bob.lastResort.signature(),
  ),
};
for (const [name, record] of Object.entries(renumbered)) {
  assert.equal(await published({ [name]: record }), false, `another id of ${name} matches`);
}

// One-time keys: the new ones replace those that waited.
const preKeys = await bob.makePrekeys(25);
const kyberPreKeys = await bob.makeKyberPrekeys(25);
assert.equal((await bob.upload("prekeys", { preKeys })).uploaded, 25);
assert.equal((await bob.upload("kyber-prekeys", { kyberPreKeys })).uploaded, 25);
const { availablePreKeys, availableKyberPreKeys, isLow } = await bob.status();
assert.deepEqual([availablePreKeys, availableKyberPreKeys, isLow], [25, 25, false]);

// After: a new session has nothing of the old keys.
const second = await bundleFor(alice);
assert.equal(second.signedPreKey.keyId, bob.signedPrekey.id());
assert.equal(second.preKey.keyId, preKeys[0].keyId);
assert.equal(second.kyberPreKey.keyId, kyberPreKeys[0].keyId);
await alice.begin(second);
await converse(alice, bob);
assert.equal(await bob.decrypt(carol, late), "Sent before, read after");
await deliver(bob, carol, CiphertextMessageType.Whisper);

// What was handed out is not taken again.
assert.equal((await bob.upload("prekeys", { preKeys })).uploaded, 24);
assert.equal((await bob.upload("kyber-prekeys", { kyberPreKeys })).uploaded, 24);
const third = await bundleFor(carol);
assert.equal(third.preKey.keyId, preKeys[1].keyId);
assert.equal(third.kyberPreKey.keyId, kyberPreKeys[1].keyId);
await carol.begin(third);
await converse(carol, bob);

// A rotation that somebody else signed is refused, and changes nothing.
for (const [kind, key] of [
  ["signed-prekey", await alice.makeSignedPrekey()],
  ["kyber-last-resort", await alice.makeLastResort()],
]) {
  const { code } = await bob.upload(kind, key, 422);
  assert.equal(code, "key_invalid", kind);
}
assert.equal(await published(), true);
