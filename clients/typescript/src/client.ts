// The client: calls operations by their ids, and carries the session.

import { DpopSigner, indexedDbKeys, type DpopKeys } from "./dpop.js";
import { isProblem, NetworkError, problemOf, SignedOutError } from "./errors.js";
import { OPERATIONS } from "./generated/operations.js";
import { defaultLocks, type Locks } from "./locks.js";
import { SessionKeeper, type SessionEvent } from "./session.js";
import { RecordStore, type KeyValueStorage, type StoredSession } from "./storage.js";
import type { Api, Body, CallOptions, Result, Tokens } from "./types.js";

export interface ClientOptions {
  /** Where the service is: `https://auth.example.com`. */
  baseUrl: string;
  /** What all tabs share: `indexedDbStorage()` in browsers. */
  storage: KeyValueStorage;
  /** In place of the global one. */
  fetch?: typeof fetch;
  /** Binds new sessions to a key of this browser (RFC 9449). `true`: one in IndexedDB. */
  dpop?: boolean | DpopKeys;
  /** The name of the record in the storage. Two clients with two names are two devices. */
  storageKey?: string;
  /** In place of `navigator.locks`, or of locks over the storage where there are none. */
  locks?: Locks;
  /** Milliseconds until a request counts as unanswered. */
  timeout?: number;
}

/** A request that needs no entry in the API description: to routes newer than this client. */
export interface RequestArguments extends CallOptions {
  /** The values of `{name}` in the path. */
  path?: Record<string, string>;
  query?: Record<string, string | number | boolean | null | undefined>;
  body?: unknown;
  /** Whether it is sent with the access token. */
  bearer?: boolean;
}

export type Purpose = "register" | "login";

const DEFAULT_TIMEOUT = 20_000;

export function createClient(options: ClientOptions): Client {
  return new Client(options);
}

export class Client {
  /** Every operation but the refresh, by its id: `api.list_devices()`. */
  readonly api: Api;
  readonly #options: ClientOptions;
  readonly #keeper: SessionKeeper;
  readonly #signer: DpopSigner | undefined;
  /** Whether a log-out is under way: what other calls are refused meanwhile is no news. */
  #isLeaving = false;

  constructor(options: ClientOptions) {
    this.#options = { ...options, baseUrl: options.baseUrl.replace(/\/+$/, "") };
    const { storage, dpop, storageKey = "auth", locks = defaultLocks(storage) } = options;
    const keys = dpop === true ? indexedDbKeys(`${this.#options.baseUrl} ${storageKey}`) : dpop;
    this.#signer = keys ? new DpopSigner(keys) : undefined;
    const store = new RecordStore(storage, storageKey);
    this.#keeper = new SessionKeeper(store, locks, (session) => this.#exchange(session));
    this.#keeper.followOtherTabs();
    const calls = Object.entries(OPERATIONS).map(([id, { method, path, bearer, body }]) => {
      const call = (args: RequestArguments = {}) =>
        this.request(method, path, { ...args, bearer, body: body ? (args.body ?? {}) : undefined });
      return [id, call] as const;
    });
    this.api = Object.fromEntries(calls) as unknown as Api;
  }

  // ── The session ─────────────────────────────────────────────────────────────────────────────

  /** The session that all tabs share; `undefined` if nobody is signed in. */
  async session(): Promise<StoredSession | undefined> {
    return (await this.#keeper.read()).session;
  }

  /** The stable id of this installation: `deviceId` and `installationId` in requests. */
  installationId(): Promise<string> {
    return this.#keeper.installationId();
  }

  /** Calls the listener when somebody signs in or out or the tokens change, in any tab. */
  subscribe(listener: (event: SessionEvent) => void): () => void {
    return this.#keeper.subscribe(listener);
  }

  /** An access token that is good for half a minute or more, for requests to other services. */
  async accessToken(): Promise<string> {
    return (await this.#keeper.usable()).accessToken;
  }

  /** Gets new tokens now, unless another tab is just doing so. Rarely needed: calls do it. */
  async refresh(): Promise<StoredSession> {
    const { refreshToken } = await this.#keeper.current();
    return this.#keeper.refresh(refreshToken);
  }

  /** Sends a code to a number. `resend_verification` sends another. */
  async sendCode(
    purpose: Purpose,
    body: Body<"start_login_verification">,
  ): Promise<Result<"start_login_verification">> {
    const request = { body: { ...(await this.#knownDevice()), ...body } };
    return purpose === "register"
      ? this.api.start_registration_verification(request)
      : this.api.start_login_verification(request);
  }

  /** Confirms the code. Tells whether the account asks for a second factor. */
  async confirmCode(
    purpose: Purpose,
    body: Body<"confirm_login_verification">,
  ): Promise<{ requires2FA: boolean }> {
    const request = { body: { installationId: await this.#keeper.installationId(), ...body } };
    if (purpose === "login") return this.api.confirm_login_verification(request);
    await this.api.confirm_registration_verification(request);
    return { requires2FA: false };
  }

  /** Makes the account of a confirmed number, and signs in. */
  async register(body: Body<"register_user">): Promise<StoredSession> {
    const installationId = await this.#keeper.installationId();
    return this.signIn(await this.api.register_user({ body: { installationId, ...body } }));
  }

  /** Logs in to the account of a confirmed number. */
  async logIn(body: Body<"login_user">): Promise<StoredSession> {
    const device = await this.#knownDevice();
    return this.signIn(await this.api.login_user({ body: { ...device, ...body } }));
  }

  /** Takes over the tokens of an answer: `register` and `logIn` do; a log-in by QR code needs it. */
  signIn(tokens: Tokens): Promise<StoredSession> {
    return this.#keeper.signIn(tokens);
  }

  /** Logs this device out. Without an answer it stays logged in, and the error says so. */
  async logOut(): Promise<void> {
    await this.#endBy(() => this.api.logout_session());
  }

  /** Logs out every device of the account. */
  async logOutAll(): Promise<void> {
    await this.#endBy(() => this.api.logout_all_sessions());
  }

  /** Forgets the session here, without telling the service. */
  async forget(): Promise<void> {
    const session = await this.session();
    if (session) await this.#keeper.drop(session.refreshToken, "logged_out");
  }

  async #endBy(call: () => Promise<unknown>): Promise<void> {
    this.#isLeaving = true;
    try {
      await call();
      await this.forget();
    } catch (error) {
      // It had ended already.
      if (!(error instanceof SignedOutError) && !isProblem(error, "session_ended")) throw error;
    } finally {
      this.#isLeaving = false;
    }
  }

  /** What shows that this device was here before: it then has limits apart from strangers'. */
  async #knownDevice(): Promise<{ installationId: string; previousToken?: string }> {
    const installationId = await this.#keeper.installationId();
    const { session, previousToken } = await this.#keeper.read();
    const token = session?.refreshToken ?? previousToken;
    return { installationId, ...(token !== undefined && { previousToken: token }) };
  }

  // ── Requests ────────────────────────────────────────────────────────────────────────────────

  /** Sends a request; gives the JSON of the answer, or throws the refusal. */
  async request(method: string, path: string, args: RequestArguments = {}): Promise<any> {
    const url = this.#url(path, args);
    if (!args.bearer) return read(await this.#send(method, url, args.body, args.signal));
    let session = await this.#keeper.usable(args.maxTokenAge);
    for (let tries = 0; ; tries++) {
      const response = await this.#send(method, url, args.body, args.signal, session);
      if (response.ok) return read(response);
      const refusal = await problemOf(response);
      if (refusal.is("session_ended")) {
        const ended = session;
        const reason = this.#isLeaving ? "logged_out" : "session_ended";
        if (!(await this.#keeper.drop(ended.refreshToken, reason))) {
          // Another tab has new tokens: of a new session, or of this one, which then ends here.
          const current = await this.session();
          if (current && current.accessToken !== ended.accessToken && tries < 2) {
            session = current;
            continue;
          }
        }
      } else if (refusal.is("token_expired", "token_invalid") && tries === 0) {
        session = await this.#keeper.refresh(session.refreshToken);
        continue;
      }
      throw refusal;
    }
  }

  /** Sends the refresh token. An answer that is not the service's own counts as none. */
  async #exchange(session: StoredSession): Promise<Tokens> {
    const { method, path } = OPERATIONS.refresh_tokens;
    if (session.jkt !== undefined && session.jkt !== (await this.#signer?.thumbprint())) {
      await this.#keeper.drop(session.refreshToken, "key_lost");
      throw new SignedOutError("key_lost");
    }
    const body = { refreshToken: session.refreshToken };
    const tokens = await read(await this.#send(method, this.#url(path), body));
    const isOurs = [tokens?.refreshToken, tokens?.accessToken].every((token) => typeof token === "string");
    if (!isOurs) throw new NetworkError("an answer without tokens");
    return tokens;
  }

  #url(path: string, { path: values = {}, query = {} }: RequestArguments = {}): string {
    const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => {
      const value = values[name];
      if (value === undefined) throw new TypeError(`${path} needs ${name}`);
      return encodeURIComponent(value);
    });
    const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
    const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
    return this.#options.baseUrl + filled + (given.length > 0 ? `?${search}` : "");
  }

  async #send(
    method: string,
    url: string,
    body: unknown,
    signal?: AbortSignal,
    session?: StoredSession,
  ): Promise<Response> {
    for (let tries = 0; ; tries++) {
      const headers: Record<string, string> = { accept: "application/json" };
      if (body !== undefined) headers["content-type"] = "application/json";
      const isBound = session?.jkt !== undefined;
      if (session) headers["authorization"] = `${isBound ? "DPoP" : "Bearer"} ${session.accessToken}`;
      if (this.#signer && (isBound || !session)) {
        const accessToken = session?.accessToken;
        // A new one for each try: a proof is good once.
        headers["dpop"] = await this.#signer.proof({ method, url: this.#absolute(url), accessToken });
      }
      const response = await this.#fetch(url, {
        method,
        headers,
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(signal && { signal }),
      });
      const isLate = response.status === 401 && this.#signer?.learnClock(response) === true;
      if (!isLate || tries > 0 || (await problemOf(response.clone())).code !== "dpop_proof_invalid") {
        return response;
      }
    }
  }

  /** `baseUrl` may be empty on a page of the service itself. */
  #absolute(url: string): string {
    return new URL(url, globalThis.location?.href).href;
  }

  async #fetch(url: string, init: RequestInit): Promise<Response> {
    const { timeout = DEFAULT_TIMEOUT, fetch: ownFetch } = this.#options;
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(new Error("time-out")), timeout);
    const asked = init.signal;
    const end = () => controller.abort(asked?.reason);
    if (asked?.aborted) end();
    asked?.addEventListener("abort", end);
    const { signal } = controller;
    try {
      // Tokens travel in headers and bodies alone: no cookies, no caches.
      const response = await (ownFetch ?? fetch)(url, { ...init, signal, credentials: "omit", cache: "no-store" });
      // The whole body, so that an answer that breaks off counts as none.
      const body = [204, 205, 304].includes(response.status) ? null : await response.arrayBuffer();
      const { status, statusText, headers } = response;
      return new Response(body, { status, statusText, headers });
    } catch (error) {
      if (asked?.aborted) throw error;
      throw new NetworkError(error);
    } finally {
      clearTimeout(timer);
      asked?.removeEventListener("abort", end);
    }
  }
}

async function read(response: Response): Promise<any> {
  if (!response.ok) throw await problemOf(response);
  const text = await response.text();
  if (text === "") return undefined;
  if (!/json/.test(response.headers.get("content-type") ?? "")) return text;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new NetworkError(error);
  }
}
