import { type SignedOutReason } from "./errors.js";
import { type Locks } from "./locks.js";
import { type RecordStore, type StoredRecord, type StoredSession } from "./storage.js";
import type { Tokens } from "./types.js";
export type SessionEvent = {
    type: "signed_in";
    session: StoredSession;
} | {
    type: "refreshed";
    session: StoredSession;
} | {
    type: "signed_out";
    reason: SignedOutReason;
};
export declare class SessionKeeper {
    #private;
    constructor(store: RecordStore, locks: Locks, exchange: (session: StoredSession) => Promise<Tokens>);
    read(): Promise<StoredRecord>;
    /** The session, or an error that says why there is none. */
    current(): Promise<StoredSession>;
    /** The session with an access token that is good for a while, and at most `maxAge` seconds old. */
    usable(maxAge?: number): Promise<StoredSession>;
    /** Makes this the session of all tabs, in place of another. */
    signIn(tokens: Tokens): Promise<StoredSession>;
    /** The id of this installation, made at the first use. */
    installationId(): Promise<string>;
    /**
     * Exchanges the refresh token, unless another tab has done so since it was `seen`. At any time one
     * request is under way for all tabs.
     */
    refresh(seen?: string): Promise<StoredSession>;
    /** Ends the session here, if it still has this token. The token shows later that we were here. */
    drop(token: string, reason: SignedOutReason): Promise<boolean>;
    subscribe(listener: (event: SessionEvent) => void): () => void;
    /** Tells what another tab has done, by the `storage` event of the browser. */
    followOtherTabs(): void;
}
