// A server that hands out another key than the one that was uploaded is caught by the client.
//
//     node swapped.mjs <address of a local service>

import { ErrorCode, KEMKeyPair, LibSignalErrorBase, PrivateKey } from "@signalapp/libsignal-client";
import assert from "node:assert/strict";
import { Client } from "./client.mjs";
import { Device, base64, bytes } from "./device.mjs";
import { converse } from "./talk.mjs";

const client = new Client(process.argv[2]);
const alice = await Device.register(client, "+33612345678", "alice");
const bob = await Device.register(client, "+33698765432", "bob");
const mallory = await Device.register(client, "+33611223344", "mallory");

const bundleOf = async (device) => (await alice.fetch(device.userId)).devices[0];
const honest = await bundleOf(bob);
const others = await bundleOf(mallory);

const curveKey = PrivateKey.generate().getPublicKey();
const kyberKey = KEMKeyPair.generate().getPublicKey();
const flipped = (text) => base64(bytes(text).map((byte, n) => (n === 0 ? byte ^ 1 : byte)));

// What the server changes, in a copy of Bob's bundle.
const swaps = {
  "another identity key": (bundle) => (bundle.identityKey = others.identityKey),
  "another signed prekey": ({ signedPreKey }) =>
    (signedPreKey.publicKey = base64(curveKey.serialize())),
  "another signed prekey, signed by somebody else": ({ signedPreKey }) =>
    Object.assign(signedPreKey, {
      publicKey: base64(curveKey.serialize()),
      signature: base64(mallory.sign(curveKey)),
    }),
  "somebody else's signed prekey": (bundle) => (bundle.signedPreKey = others.signedPreKey),
  "another Kyber key": ({ kyberPreKey }) =>
    (kyberPreKey.publicKey = base64(kyberKey.serialize())),
  "another Kyber key, signed by somebody else": ({ kyberPreKey }) =>
    Object.assign(kyberPreKey, {
      publicKey: base64(kyberKey.serialize()),
      signature: base64(mallory.sign(kyberKey)),
    }),
  "somebody else's Kyber key": (bundle) => (bundle.kyberPreKey = others.kyberPreKey),
  "a changed signature of the signed prekey": ({ signedPreKey }) =>
    (signedPreKey.signature = flipped(signedPreKey.signature)),
  "a changed signature of the Kyber key": ({ kyberPreKey }) =>
    (kyberPreKey.signature = flipped(kyberPreKey.signature)),
  "each other's signatures": ({ signedPreKey: one, kyberPreKey: other }) =>
    ([one.signature, other.signature] = [other.signature, one.signature]),
};
for (const [what, swap] of Object.entries(swaps)) {
  const bundle = structuredClone(honest);
  swap(bundle);
  assert.notDeepEqual(bundle, honest, what);
  await assert.rejects(alice.begin(bundle), /signature/, `${what} was taken`);
  assert.equal(await alice.sessions.getSession(bob.address), null, `${what} left a session`);
}

// A one-time key is signed by nobody, but then nobody can read what is sent: not the owner of the
// bundle, and not who put the key there.
const bundle = structuredClone(honest);
bundle.preKey.publicKey = others.preKey.publicKey;
await alice.begin(bundle);
const unreadable = await alice.encrypt(bob, "Who reads this?");
await assert.rejects(bob.decrypt(alice, unreadable), LibSignalErrorBase, "Bob reads it");
await assert.rejects(mallory.decrypt(alice, unreadable), LibSignalErrorBase, "Mallory reads it");

// The bundle itself is good.
await alice.begin(honest);
await converse(alice, bob);

// All of Mallory's keys in Bob's place fit together; but Alice knows Bob.
const impostor = { ...others, userId: bob.userId, signalDeviceId: bob.signalDeviceId };
await assert.rejects(
  alice.begin(impostor),
  (error) => LibSignalErrorBase.is(error, ErrorCode.UntrustedIdentity),
  "Mallory was taken for Bob",
);
