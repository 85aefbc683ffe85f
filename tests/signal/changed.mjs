// A user's devices come, go and are installed anew: a sender is told, and its next session is with
// the device that there is.
//
//     node changed.mjs <address of a local service>

import { ErrorCode, LibSignalErrorBase } from "@signalapp/libsignal-client";
import assert from "node:assert/strict";
import { Client } from "./client.mjs";
import { Device } from "./device.mjs";
import { converse } from "./talk.mjs";

const BOB = "+33698765432";

const client = new Client(process.argv[2]);
const alice = await Device.register(client, "+33612345678", "alice");
const bob = [
  await Device.register(client, BOB, "bob-1"),
  await Device.logIn(client, BOB, "bob-2"),
  await Device.logIn(client, BOB, "bob-3"),
];
const { userId } = bob[0];

/** Asserts what Alice, who knows these devices of Bob's, is told to change: nothing else. */
async function mustChange(known, { missing = [], extra = [], stale = [] }) {
  const devices = known.map((device) => ({
    signalDeviceId: device.signalDeviceId,
    registrationId: device.registrationId,
  }));
  const told = await alice.client.post("/auth/v1/signal/devices/check", { userId, devices });
  assert.deepEqual(told, { missing, extra, stale });
}

let version = 0;

/** Asserts that the version of Bob's list has moved. */
async function moved(why) {
  const list = await alice.list(userId);
  assert.ok(list.version > version, `the version stays ${version} though ${why}`);
  const { version: fetched } = await alice.fetch(userId);
  assert.equal(fetched, list.version, "the bundles' version is not the list's");
  version = list.version;
}

await moved("three devices came");
const { devices: bundles } = await alice.fetch(userId);
for (const [n, bundle] of bundles.entries()) {
  await alice.begin(bundle);
  await converse(alice, bob[n]);
}
await mustChange(bob, {});
assert.equal((await alice.list(userId)).version, version, "the version moves by itself");

// A fourth device comes.
const fourth = await Device.logIn(client, BOB, "bob-4");
await mustChange(bob, { missing: [fourth.signalDeviceId] });
await moved("a device came");
bob.push(fourth);
const added = (await alice.fetch(userId)).devices.at(-1);
assert.equal(added.deviceId, fourth.deviceId);
await alice.begin(added);
await converse(alice, fourth);
await mustChange(bob, {});

// The second is installed anew: the same device, with nothing of what it had.
const [, old] = bob;
let renewed;
do {
  renewed = await Device.logIn(client, BOB, "bob-2");
} while (renewed.registrationId === old.registrationId);
assert.equal(renewed.deviceId, old.deviceId);
assert.equal(renewed.signalDeviceId, old.signalDeviceId);
await mustChange(bob, { stale: [renewed.signalDeviceId] });
await moved("a device was installed anew");
await old.client.get("/auth/v1/signal/keys/recommendations", 401);

// What Alice sends in her old session is lost; with the new keys she must first be asked.
const lost = await alice.encrypt(old, "Is it still you?");
await assert.rejects(renewed.decrypt(alice, lost), LibSignalErrorBase, "new keys read old messages");
const again = (await alice.fetch(userId)).devices[1];
assert.equal(again.deviceId, renewed.deviceId);
await assert.rejects(
  alice.begin(again),
  (error) => LibSignalErrorBase.is(error, ErrorCode.UntrustedIdentity),
  "a new identity was taken unasked",
);
alice.identities.forget(renewed.address);
await alice.begin(again);
const session = await alice.sessions.getSession(renewed.address);
assert.equal(session.remoteRegistrationId(), renewed.registrationId);
await converse(alice, renewed);
const found = await alice.encrypt(renewed, "It is still you.");
await assert.rejects(old.decrypt(alice, found), LibSignalErrorBase, "old keys read new messages");
bob[1] = renewed;
await mustChange(bob, {});

// The third takes its keys back: nobody writes to it any more.
const [, , third] = bob;
await third.client.send("DELETE", `/auth/v1/signal/keys/device/${third.deviceId}`, undefined, 204);
await mustChange(bob, { extra: [third.signalDeviceId] });
await moved("a device went");
bob.splice(2, 1);
const { devices: rest } = await alice.fetch(userId);
assert.deepEqual(rest.map((bundle) => bundle.deviceId), bob.map((device) => device.deviceId));
await mustChange(bob, {});
