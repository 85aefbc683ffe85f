// What libsignal asks an app to keep, in memory.

import {
  IdentityChange,
  IdentityKeyStore,
  KyberPreKeyStore,
  PreKeyStore,
  SessionRecord,
  SessionStore,
  SignedPreKeyStore,
} from "@signalapp/libsignal-client";
import assert from "node:assert/strict";

function kept(records, id, kind) {
  assert.ok(records.has(id), `no ${kind} ${id} is kept here`);
  return records.get(id);
}

export class Sessions extends SessionStore {
  #records = new Map();

  async saveSession(address, record) {
    this.#records.set(address.toString(), record.serialize());
  }

  async getSession(address) {
    const record = this.#records.get(address.toString());
    return record ? SessionRecord.deserialize(record) : null;
  }

  async getExistingSessions(addresses) {
    const records = await Promise.all(addresses.map((address) => this.getSession(address)));
    assert.ok(records.every(Boolean), "a session is missing");
    return records;
  }
}

/** Trusts whom it sees first, until told to forget. */
export class Identities extends IdentityKeyStore {
  #own;
  #registrationId;
  #others = new Map();

  constructor(own, registrationId) {
    super();
    this.#own = own;
    this.#registrationId = registrationId;
  }

  async getIdentityKey() {
    return this.#own.privateKey;
  }

  async getLocalRegistrationId() {
    return this.#registrationId;
  }

  async saveIdentity(address, key) {
    const unchanged = await this.isTrustedIdentity(address, key);
    this.#others.set(address.toString(), key);
    return unchanged ? IdentityChange.NewOrUnchanged : IdentityChange.ReplacedExisting;
  }

  async isTrustedIdentity(address, key) {
    const known = await this.getIdentity(address);
    return !known || known.equals(key);
  }

  async getIdentity(address) {
    return this.#others.get(address.toString()) ?? null;
  }

  /** As when a person accepts that the other's safety number has changed. */
  forget(address) {
    this.#others.delete(address.toString());
  }
}

/** A one-time key is gone once it was used. */
export class Prekeys extends PreKeyStore {
  #records = new Map();

  async savePreKey(id, record) {
    this.#records.set(id, record);
  }

  async getPreKey(id) {
    return kept(this.#records, id, "one-time prekey");
  }

  async removePreKey(id) {
    this.#records.delete(id);
  }
}

/** Those before the newest stay, for messages that are still under way. */
export class SignedPrekeys extends SignedPreKeyStore {
  #records = new Map();

  async saveSignedPreKey(id, record) {
    this.#records.set(id, record);
  }

  async getSignedPreKey(id) {
    return kept(this.#records, id, "signed prekey");
  }
}

/** A one-time key is gone once it was used; one of last resort begins no session twice. */
export class KyberPrekeys extends KyberPreKeyStore {
  #records = new Map();
  #lastResort = new Set();
  #begun = new Set();

  async saveKyberPreKey(id, record) {
    this.#records.set(id, record);
  }

  async saveLastResort(id, record) {
    await this.saveKyberPreKey(id, record);
    this.#lastResort.add(id);
  }

  async getKyberPreKey(id) {
    return kept(this.#records, id, "Kyber prekey");
  }

  async markKyberPreKeyUsed(id, signedPreKeyId, baseKey) {
    if (!this.#lastResort.has(id)) {
      this.#records.delete(id);
      return;
    }
    const session = `${id} ${signedPreKeyId} ${Buffer.from(baseKey.serialize()).toString("hex")}`;
    assert.ok(!this.#begun.has(session), "a first message came twice");
    this.#begun.add(session);
  }
}
