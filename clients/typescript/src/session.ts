// The one session of all tabs, and the rule that keeps it alive: one stored refresh token, read just
// before it is sent, by one tab at a time; a reply replaces only the token that it was asked with.

import { boundKey } from "./dpop.js";
import { ProblemError, SignedOutError, type SignedOutReason } from "./errors.js";
import { pause, randomId, type Locks } from "./locks.js";
import {
  parseRecord,
  type RecordStore,
  type StorageChange,
  type StoredRecord,
  type StoredSession,
} from "./storage.js";
import type { Tokens } from "./types.js";

export type SessionEvent =
  | { type: "signed_in"; session: StoredSession }
  | { type: "refreshed"; session: StoredSession }
  | { type: "signed_out"; reason: SignedOutReason };

/** Refusals of a refresh after which this session never comes back. */
const ENDED = ["session_ended", "refresh_reused", "token_expired", "token_invalid"] as const;

/** An access token is refreshed so long before its end. */
const MARGIN = 30_000;
/** How long a tab waits for the token that another tab has just got. */
const SUPERSEDED_WAIT = 3_000;
const MAX_TRIES = 4;

export class SessionKeeper {
  readonly #store: RecordStore;
  readonly #locks: Locks;
  /** Sends a refresh token to the service. */
  readonly #exchange: (session: StoredSession) => Promise<Tokens>;
  readonly #listeners = new Set<(event: SessionEvent) => void>();
  #refreshing: Promise<StoredSession> | undefined;
  /** After 429 or 503: no try before, and the refusal that said so. */
  #pause: { until: number; refusal: ProblemError } | undefined;

  constructor(
    store: RecordStore,
    locks: Locks,
    exchange: (session: StoredSession) => Promise<Tokens>,
  ) {
    this.#store = store;
    this.#locks = locks;
    this.#exchange = exchange;
  }

  read(): Promise<StoredRecord> {
    return this.#store.read();
  }

  /** The session, or an error that says why there is none. */
  async current(): Promise<StoredSession> {
    const { session, signedOut } = await this.read();
    if (!session) throw new SignedOutError(signedOut ?? "never_signed_in");
    return session;
  }

  /** The session with an access token that is good for a while, and at most `maxAge` seconds old. */
  async usable(maxAge?: number): Promise<StoredSession> {
    const session = await this.current();
    return isUsable(session, maxAge) ? session : this.refresh(session.refreshToken);
  }

  /** Makes this the session of all tabs, in place of another. */
  async signIn(tokens: Tokens): Promise<StoredSession> {
    const session = sessionOf(tokens);
    await this.#update((record) => {
      const installationId = tokens.installationId ?? record.installationId;
      return { ...(installationId && { installationId }), session };
    });
    this.#pause = undefined;
    this.#tell({ type: "signed_in", session });
    return session;
  }

  /** The id of this installation, made at the first use. */
  async installationId(): Promise<string> {
    const { installationId } = await this.read();
    if (installationId) return installationId;
    const record = await this.#update((record) =>
      record.installationId ? undefined : { ...record, installationId: randomId() },
    );
    return record.installationId!;
  }

  /**
   * Exchanges the refresh token, unless another tab has done so since it was `seen`. At any time one
   * request is under way for all tabs.
   */
  async refresh(seen?: string): Promise<StoredSession> {
    for (let tries = 0; ; tries++) {
      this.#refreshing ??= this.#locks
        .run(`${this.#store.key}.refresh`, () => this.#refreshStored(seen))
        .finally(() => (this.#refreshing = undefined));
      const session = await this.#refreshing;
      // A refresh that was under way already may have brought the very token that was seen.
      if (session.refreshToken !== seen || tries > 0) return session;
    }
  }

  async #refreshStored(seen: string | undefined): Promise<StoredSession> {
    for (let tries = 0; ; tries++) {
      // Read here, behind the lock: not earlier.
      const session = await this.current();
      const asked = session.refreshToken;
      if (seen !== undefined && asked !== seen && isUsable(session)) return session;
      if (this.#pause && this.#pause.until > Date.now()) throw this.#pause.refusal;
      let tokens: Tokens;
      try {
        tokens = await this.#exchange(session);
      } catch (error) {
        // Without an answer the token is kept. The service takes it again.
        if (!(error instanceof ProblemError)) throw error;
        if (error.retryAfter !== undefined) {
          this.#pause = { until: Date.now() + error.retryAfter * 1000, refusal: error };
        }
        if (error.is("refresh_superseded") && tries < MAX_TRIES) {
          await this.#untilReplaced(asked);
        } else {
          const reason = ENDED.find((code) => error.is(code));
          if (!reason) throw error;
          if (await this.drop(asked, reason)) throw new SignedOutError(reason);
        }
        // Somebody has replaced the token: theirs counts.
        if (tries >= MAX_TRIES) throw error;
        seen = asked;
        continue;
      }
      this.#pause = undefined;
      const refreshed = await this.#replace(asked, sessionOf(tokens, session));
      if (refreshed) return refreshed;
      // Somebody signed in or out while we asked. Our reply is for a session that is no longer ours.
      seen = asked;
    }
  }

  /** Puts the reply in the place of the token that it was asked with, and of no other. */
  async #replace(asked: string, session: StoredSession): Promise<StoredSession | undefined> {
    const record = await this.#update((record) =>
      record.session?.refreshToken === asked ? { ...record, session } : undefined,
    );
    if (record.session?.refreshToken !== session.refreshToken) return undefined;
    this.#tell({ type: "refreshed", session });
    return session;
  }

  /** Ends the session here, if it still has this token. The token shows later that we were here. */
  async drop(token: string, reason: SignedOutReason): Promise<boolean> {
    let dropped = false;
    await this.#update(({ session, ...record }) => {
      if (session?.refreshToken !== token) return undefined;
      dropped = true;
      return { ...record, previousToken: token, signedOut: reason };
    });
    if (dropped) this.#tell({ type: "signed_out", reason });
    return dropped;
  }

  /** Waits until the stored token is another one, for a while. */
  async #untilReplaced(asked: string): Promise<void> {
    const end = Date.now() + SUPERSEDED_WAIT;
    while ((await this.current()).refreshToken === asked && Date.now() < end) await pause(100);
  }

  /** Reads, changes and writes the record while no other tab does; `undefined` changes nothing. */
  #update(change: (record: StoredRecord) => StoredRecord | undefined): Promise<StoredRecord> {
    return this.#locks.run(`${this.#store.key}.write`, async () => {
      const record = await this.read();
      const changed = change(record);
      if (changed) await this.#store.write(changed);
      return changed ?? record;
    });
  }

  subscribe(listener: (event: SessionEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Tells what another tab has done. */
  followOtherTabs(): void {
    const { storage, key } = this.#store;
    const follow = (change: StorageChange) => {
      if (change.key !== null && change.key !== key) return;
      const before = parseRecord(change.oldValue).session;
      const { session, signedOut } = parseRecord(change.newValue);
      if (session && session.refreshToken !== before?.refreshToken) {
        const isSame = before?.userId === session.userId && before.deviceId === session.deviceId;
        this.#tell({ type: isSame ? "refreshed" : "signed_in", session });
      } else if (!session && before) {
        this.#tell({ type: "signed_out", reason: signedOut ?? "logged_out" });
      }
    };
    if (storage.watch) return storage.watch(follow);
    globalThis.addEventListener?.("storage", (event) => {
      if (event.storageArea === (storage as unknown)) follow(event);
    });
  }

  #tell(event: SessionEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

function isUsable(session: StoredSession, maxAge = Infinity): boolean {
  const now = Date.now();
  const age = now - session.accessIssuedAt;
  // A clock that was set back says nothing about the age.
  return age >= 0 && age <= maxAge * 1000 && session.accessExpiresAt - MARGIN > now;
}

function sessionOf(tokens: Tokens, before?: StoredSession): StoredSession {
  const { refreshToken, accessToken, userId, deviceId } = tokens;
  const signalDeviceId = tokens.signalDeviceId ?? before?.signalDeviceId;
  const jkt = boundKey(accessToken);
  const now = Date.now();
  return {
    refreshToken,
    accessToken,
    accessIssuedAt: now,
    accessExpiresAt: now + tokens.expiresIn * 1000,
    userId,
    deviceId,
    ...(signalDeviceId !== undefined && { signalDeviceId }),
    ...(jkt !== undefined && { jkt }),
  };
}
