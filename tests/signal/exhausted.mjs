// One-time keys that have run out, and those that one caller is not given any more: a session
// begins all the same, with the Kyber key of last resort.
//
//     node exhausted.mjs <address of a local service>

import assert from "node:assert/strict";
import { Client } from "./client.mjs";
import { Device } from "./device.mjs";
import { converse } from "./talk.mjs";

// As many as one caller is given of one user at once.
const BURST = 10;

const client = new Client(process.argv[2]);
const alice = await Device.register(client, "+33612345678", "alice");
const bob = await Device.register(client, "+33698765432", "bob", 3);
const carol = await Device.register(client, "+33611223344", "carol");

/** Fetches, begins and talks. Gives the ids of the one-time keys: each is undefined without one. */
async function session(from, to) {
  const { devices } = await from.fetch(to.userId);
  assert.equal(devices.length, 1);
  const [{ preKey, kyberPreKey }] = devices;
  await from.begin(devices[0]);
  await converse(from, to);
  const kyber = kyberPreKey.keyId === to.lastResort.id() ? undefined : kyberPreKey.keyId;
  return { curve: preKey?.keyId, kyber };
}

async function sessions(count, from, to) {
  const given = [];
  for (let n = 0; n < count; n++) given.push(await session(from, to));
  return given;
}

const none = { curve: undefined, kyber: undefined };

function eachOnce(given) {
  for (const kind of ["curve", "kyber"]) {
    const ids = given.map((keys) => keys[kind]);
    assert.ok(!ids.includes(undefined), `${kind} one-time keys ended early: ${ids}`);
    assert.equal(new Set(ids).size, ids.length, `${kind} one-time keys came twice: ${ids}`);
  }
}

// Bob has three.
const before = await bob.status();
assert.deepEqual([before.availablePreKeys, before.availableKyberPreKeys], [3, 3]);
eachOnce(await sessions(3, alice, bob));
assert.deepEqual(await sessions(3, alice, bob), [none, none, none]);
assert.deepEqual(await session(carol, bob), none);
const after = await bob.status();
assert.deepEqual([after.availablePreKeys, after.availableKyberPreKeys], [0, 0]);
assert.deepEqual([after.isLow, after.recommendedUpload, after.totalPreKeys], [true, 100, 3]);

// Carol has more than Alice may take; Bob still gets his.
eachOnce(await sessions(BURST, alice, carol));
assert.deepEqual(await sessions(2, alice, carol), [none, none]);
eachOnce([await session(bob, carol)]);
const { availablePreKeys, availableKyberPreKeys } = await carol.status();
const left = 25 - BURST - 1;
assert.deepEqual([availablePreKeys, availableKyberPreKeys], [left, left]);

// New keys are handed out again.
await bob.upload("prekeys", { preKeys: await bob.makePrekeys(5) });
await bob.upload("kyber-prekeys", { kyberPreKeys: await bob.makeKyberPrekeys(5) });
eachOnce([await session(carol, bob)]);
