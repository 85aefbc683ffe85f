// Two users with several devices each: every device begins a session with every other, those of its
// own user included, and messages go both ways.
//
//     node sessions.mjs <address of a local service>

import assert from "node:assert/strict";
import { Client } from "./client.mjs";
import { Device, base64 } from "./device.mjs";
import { converse } from "./talk.mjs";

const ALICE = "+33612345678";
const BOB = "+33698765432";

const client = new Client(process.argv[2]);
const alice = [
  await Device.register(client, ALICE, "alice-1"),
  await Device.logIn(client, ALICE, "alice-2"),
];
const bob = [
  await Device.register(client, BOB, "bob-1"),
  await Device.logIn(client, BOB, "bob-2"),
  await Device.logIn(client, BOB, "bob-3"),
];
const all = [...alice, ...bob];

/** A bundle is the other device's very own, with one-time keys of both kinds. */
function check(bundle, device) {
  const { userId, deviceId, signalDeviceId, registrationId, identityKey } = bundle;
  const given = { userId, deviceId, signalDeviceId, registrationId, identityKey };
  assert.deepEqual(given, {
    userId: device.userId,
    deviceId: device.deviceId,
    signalDeviceId: device.signalDeviceId,
    registrationId: device.registrationId,
    identityKey: base64(device.identity.publicKey.serialize()),
  });
  const { signedPreKey, preKey, kyberPreKey } = bundle;
  assert.equal(signedPreKey.keyId, device.signedPrekey.id());
  assert.ok(preKey, `no one-time key of ${device.name}`);
  assert.notEqual(kyberPreKey.keyId, device.lastResort.id(), `the last resort of ${device.name}`);
}

for (const device of all) {
  for (const user of [alice, bob]) {
    const others = user.filter((other) => other !== device);
    const { userId, devices } = await device.fetch(user[0].userId);
    assert.equal(userId, user[0].userId);
    const fetched = devices.map((bundle) => bundle.deviceId);
    const expected = others.map((other) => other.deviceId);
    assert.deepEqual(fetched, expected, `${device.name} is given others of ${user[0].name}'s user`);
    for (const [n, bundle] of devices.entries()) {
      check(bundle, others[n]);
      await device.begin(bundle);
    }
  }
  for (const other of all.filter((other) => other !== device)) await converse(device, other);
}

// The other two ways to fetch: one device, and several users at once.
const [phone, tablet] = alice;
const [, , third] = bob;
const path = `/auth/v1/signal/keys/${third.userId}/devices/${third.deviceId}`;
const bundle = await phone.client.get(path);
check(bundle, third);
await phone.begin(bundle);
await converse(phone, third);
const userIds = [bob[0].userId, tablet.userId];
const { users } = await tablet.client.post("/auth/v1/signal/keys/bundles", { userIds });
assert.deepEqual(users.map((user) => user.userId), userIds);
const bundles = users.flatMap((user) => user.devices);
assert.equal(bundles.length, 4);
for (const [n, other] of [...bob, phone].entries()) {
  check(bundles[n], other);
  await tablet.begin(bundles[n]);
  await converse(tablet, other);
}
