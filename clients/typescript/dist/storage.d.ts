import type { SignedOutReason } from "./errors.js";
/** `localStorage`, or anything with these three methods (React Native's AsyncStorage). */
export interface KeyValueStorage {
    getItem(key: string): string | null | Promise<string | null>;
    setItem(key: string, value: string): void | Promise<void>;
    removeItem(key: string): void | Promise<void>;
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
export declare function memoryStorage(): KeyValueStorage;
/** The record in the storage. A record that cannot be read counts as none. */
export declare class RecordStore {
    readonly storage: KeyValueStorage;
    readonly key: string;
    constructor(storage: KeyValueStorage, key: string);
    read(): Promise<StoredRecord>;
    write(record: StoredRecord): Promise<void>;
}
export declare function parseRecord(text: string | null): StoredRecord;
