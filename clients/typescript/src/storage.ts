// What is kept between visits: one record for all tabs, in one place of the storage.

import type { SignedOutReason } from "./errors.js";

/** What another tab has changed; `key` is null if it has cleared everything. */
export interface StorageChange {
  key: string | null;
  oldValue: string | null;
  newValue: string | null;
}

/** `indexedDbStorage()`, `localStorage`, or anything with these methods, which may give promises. */
export interface KeyValueStorage {
  getItem(key: string): string | null | Promise<string | null>;
  setItem(key: string, value: string): void | Promise<void>;
  removeItem(key: string): void | Promise<void>;
  /** Calls the listener when another tab changes something. `localStorage` has an event for it. */
  watch?(listener: (change: StorageChange) => void): void;
}

/** A session as it is stored. */
export interface StoredSession {
  refreshToken: string;
  accessToken: string;
  /** Milliseconds since 1970, by the clock of this device. */
  accessIssuedAt: number;
  accessExpiresAt: number;
  userId: string;
  deviceId: string;
  signalDeviceId?: number;
  /** The thumbprint of the key that the tokens are bound to (DPoP). */
  jkt?: string;
}

/** The record: the session, and what outlives it. */
export interface StoredRecord {
  session?: StoredSession;
  /** The stable id of this installation: a log-in with it comes back to the same device. */
  installationId?: string;
  /** The last refresh token of the session before: it shows that this is a known device. */
  previousToken?: string;
  /** Why there is no session any more. */
  signedOut?: SignedOutReason;
}

/** A storage that forgets everything at the end of the process. */
export function memoryStorage(): KeyValueStorage {
  const items = new Map<string, string>();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  };
}

/** The record in the storage. A record that cannot be read counts as none. */
export class RecordStore {
  constructor(
    readonly storage: KeyValueStorage,
    readonly key: string,
  ) {}

  async read(): Promise<StoredRecord> {
    return parseRecord(await this.storage.getItem(this.key));
  }

  async write(record: StoredRecord): Promise<void> {
    await this.storage.setItem(this.key, JSON.stringify(record));
  }
}

export function parseRecord(text: string | null): StoredRecord {
  try {
    const record: unknown = JSON.parse(text ?? "{}");
    return typeof record === "object" && record !== null ? record : {};
  } catch {
    return {};
  }
}
