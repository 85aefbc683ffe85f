// An app on a device: its private keys and sessions, which stay here, and its account at the
// service.

import {
  CiphertextMessageType,
  IdentityKeyPair,
  KEMKeyPair,
  KEMPublicKey,
  KyberPreKeyRecord,
  PreKeyBundle,
  PreKeyRecord,
  PreKeySignalMessage,
  PrivateKey,
  ProtocolAddress,
  PublicKey,
  SignalMessage,
  SignedPreKeyRecord,
  processPreKeyBundle,
  signalDecrypt,
  signalDecryptPreKey,
  signalEncrypt,
} from "@signalapp/libsignal-client";
import assert from "node:assert/strict";
import { createHash, randomInt } from "node:crypto";
import { Identities, KyberPrekeys, Prekeys, Sessions, SignedPrekeys } from "./stores.mjs";

const KEYS = "/auth/v1/signal/keys";
/** The `iss` of the tokens of a local service. */
const ISSUER = "whispr-auth";
/** The proof is for a verification. */
const VERIFICATION = 1;
const MAX_REGISTRATION_ID = 16380;

export const base64 = (bytes) => Buffer.from(bytes).toString("base64");
export const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));

export class Device {
  #nextKeyId = 1;

  /** A fresh installation, which nobody knows yet. */
  constructor(name) {
    this.name = name;
    this.identity = IdentityKeyPair.generate();
    this.registrationId = randomInt(1, MAX_REGISTRATION_ID + 1);
    this.sessions = new Sessions();
    this.identities = new Identities(this.identity, this.registrationId);
    this.prekeys = new Prekeys();
    this.signedPrekeys = new SignedPrekeys();
    this.kyberPrekeys = new KyberPrekeys();
  }

  /** The first device of a new account, with so many one-time keys of each kind. */
  static async register(client, phoneNumber, name, oneTime = 25) {
    const device = new Device(name);
    const bundle = await device.signalKeyBundle(oneTime);
    const session = await client.register(phoneNumber, name, (id) => device.prove(bundle, id));
    return device.#enter(client, session);
  }

  /** One more device of the account, or the same one installed anew. */
  static async logIn(client, phoneNumber, name, oneTime = 25) {
    const device = new Device(name);
    const bundle = await device.signalKeyBundle(oneTime);
    const session = await client.logIn(phoneNumber, name, (id) => device.prove(bundle, id));
    return device.#enter(client, session);
  }

  async #enter(client, { accessToken, userId, deviceId, signalDeviceId }) {
    this.client = client.bearer(accessToken);
    this.userId = userId;
    this.deviceId = deviceId;
    const { devices } = await this.list(userId);
    const own = devices.find((device) => device.deviceId === deviceId);
    assert.ok(own, `${this.name} is not on its own user's list`);
    assert.equal(own.registrationId, this.registrationId);
    assert.equal(own.signalDeviceId, signalDeviceId);
    this.signalDeviceId = signalDeviceId;
    this.address = ProtocolAddress.new(userId, own.signalDeviceId);
    return this;
  }

  // ── Its own keys ────────────────────────────────────────────────────────────────────────────

  async signalKeyBundle(oneTime) {
    return {
      identityKey: base64(this.identity.publicKey.serialize()),
      registrationId: this.registrationId,
      signedPreKey: await this.makeSignedPrekey(),
      preKeys: await this.makePrekeys(oneTime),
      kyberPreKeys: await this.makeKyberPrekeys(oneTime),
      kyberLastResortPreKey: await this.makeLastResort(),
    };
  }

  /** Adds to the bundle that this device has the private identity key. */
  prove(bundle, verificationId) {
    const message = Buffer.concat([
      Buffer.from("\0whispr identity v1"),
      createHash("sha256").update(ISSUER).digest(),
      Buffer.from([VERIFICATION]),
      Buffer.from(verificationId.replaceAll("-", ""), "hex"),
      Buffer.from(this.digest(), "base64"),
    ]);
    return { ...bundle, identityProof: base64(this.identity.privateKey.sign(message)) };
  }

  async makeSignedPrekey() {
    const id = this.#nextKeyId++;
    const key = PrivateKey.generate();
    const signature = this.sign(key.getPublicKey());
    const record = SignedPreKeyRecord.new(id, Date.now(), key.getPublicKey(), key, signature);
    await this.signedPrekeys.saveSignedPreKey(id, record);
    this.signedPrekey = record;
    return publicPart(record);
  }

  async makePrekeys(count) {
    return Promise.all(
      Array.from({ length: count }, async () => {
        const id = this.#nextKeyId++;
        const key = PrivateKey.generate();
        const record = PreKeyRecord.new(id, key.getPublicKey(), key);
        await this.prekeys.savePreKey(id, record);
        return { keyId: id, publicKey: base64(record.publicKey().serialize()) };
      }),
    );
  }

  async makeKyberPrekeys(count) {
    return Promise.all(
      Array.from({ length: count }, async () => {
        const record = this.#kyberRecord();
        await this.kyberPrekeys.saveKyberPreKey(record.id(), record);
        return publicPart(record);
      }),
    );
  }

  async makeLastResort() {
    const record = this.#kyberRecord();
    await this.kyberPrekeys.saveLastResort(record.id(), record);
    this.lastResort = record;
    return publicPart(record);
  }

  #kyberRecord() {
    const pair = KEMKeyPair.generate();
    const signature = this.sign(pair.getPublicKey());
    return KyberPreKeyRecord.new(this.#nextKeyId++, Date.now(), pair, signature);
  }

  sign(key) {
    return this.identity.privateKey.sign(key.serialize());
  }

  /** What the service must have of this device's lasting keys, in one number. */
  digest({ signedPrekey = this.signedPrekey, lastResort = this.lastResort } = {}) {
    const hash = createHash("sha256").update(this.identity.publicKey.serialize());
    for (const record of [signedPrekey, lastResort]) {
      const id = Buffer.alloc(8);
      id.writeBigUInt64BE(BigInt(record.id()));
      hash.update(id).update(record.publicKey().serialize());
    }
    return hash.digest("base64");
  }

  /** Uploads to one of the four routes; gives the answer. */
  upload(kind, body, status = 201) {
    return this.client.post(`${KEYS}/${kind}`, body, status);
  }

  status() {
    return this.client.get(`${KEYS}/${this.userId}/devices/${this.deviceId}/status`);
  }

  // ── Others' keys ────────────────────────────────────────────────────────────────────────────

  list(userId) {
    return this.client.get(`${KEYS}/${userId}/devices`);
  }

  fetch(userId) {
    return this.client.get(`${KEYS}/${userId}/bundles`);
  }

  /** Begins a session with the device of a bundle, as the service gave it. */
  async begin(bundle) {
    const { userId, signalDeviceId, identityKey, signedPreKey, preKey, kyberPreKey } = bundle;
    const readable = PreKeyBundle.new(
      bundle.registrationId,
      signalDeviceId,
      preKey?.keyId ?? null,
      preKey ? PublicKey.deserialize(bytes(preKey.publicKey)) : null,
      signedPreKey.keyId,
      PublicKey.deserialize(bytes(signedPreKey.publicKey)),
      bytes(signedPreKey.signature),
      PublicKey.deserialize(bytes(identityKey)),
      kyberPreKey.keyId,
      KEMPublicKey.deserialize(bytes(kyberPreKey.publicKey)),
      bytes(kyberPreKey.signature),
    );
    const to = ProtocolAddress.new(userId, signalDeviceId);
    await processPreKeyBundle(readable, to, this.address, this.sessions, this.identities);
  }

  // ── Messages ────────────────────────────────────────────────────────────────────────────────

  async encrypt(to, text) {
    const plain = new TextEncoder().encode(text);
    const parties = [to.address, this.address, this.sessions, this.identities];
    const message = await signalEncrypt(plain, ...parties);
    return { type: message.type(), body: message.serialize() };
  }

  async decrypt(from, { type, body }) {
    const parties = [from.address, this.address, this.sessions, this.identities];
    const plain =
      type === CiphertextMessageType.PreKey
        ? await signalDecryptPreKey(
            PreKeySignalMessage.deserialize(body),
            ...parties,
            this.prekeys,
            this.signedPrekeys,
            this.kyberPrekeys,
          )
        : await signalDecrypt(SignalMessage.deserialize(body), ...parties);
    return new TextDecoder().decode(plain);
  }
}

function publicPart(record) {
  return {
    keyId: record.id(),
    publicKey: base64(record.publicKey().serialize()),
    signature: base64(record.signature()),
  };
}
