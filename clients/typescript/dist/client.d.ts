import { type DpopKeys } from "./dpop.js";
import { type Locks } from "./locks.js";
import { type SessionEvent } from "./session.js";
import { type KeyValueStorage, type StoredSession } from "./storage.js";
import type { Api, Body, CallOptions, Result, Tokens } from "./types.js";
export interface ClientOptions {
    /** Where the service is: `https://auth.example.com`. */
    baseUrl: string;
    /** What all tabs share: `localStorage` in browsers. */
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
export declare function createClient(options: ClientOptions): Client;
export declare class Client {
    #private;
    /** Every operation but the refresh, by its id: `api.list_devices()`. */
    readonly api: Api;
    constructor(options: ClientOptions);
    /** The session that all tabs share; `undefined` if nobody is signed in. */
    session(): Promise<StoredSession | undefined>;
    /** The stable id of this installation: `deviceId` and `installationId` in requests. */
    installationId(): Promise<string>;
    /** Calls the listener when somebody signs in or out or the tokens change, in any tab. */
    subscribe(listener: (event: SessionEvent) => void): () => void;
    /** An access token that is good for half a minute or more, for requests to other services. */
    accessToken(): Promise<string>;
    /** Gets new tokens now, unless another tab is just doing so. Rarely needed: calls do it. */
    refresh(): Promise<StoredSession>;
    /** Sends a code to a number. `resend_verification` sends another. */
    sendCode(purpose: Purpose, body: Body<"start_login_verification">): Promise<Result<"start_login_verification">>;
    /** Confirms the code. Tells whether the account asks for a second factor. */
    confirmCode(purpose: Purpose, body: Body<"confirm_login_verification">): Promise<{
        requires2FA: boolean;
    }>;
    /** Makes the account of a confirmed number, and signs in. */
    register(body: Body<"register_user">): Promise<StoredSession>;
    /** Logs in to the account of a confirmed number. */
    logIn(body: Body<"login_user">): Promise<StoredSession>;
    /** Takes over the tokens of an answer: `register` and `logIn` do; a log-in by QR code needs it. */
    signIn(tokens: Tokens): Promise<StoredSession>;
    /** Logs this device out. Without an answer it stays logged in, and the error says so. */
    logOut(): Promise<void>;
    /** Logs out every device of the account. */
    logOutAll(): Promise<void>;
    /** Forgets the session here, without telling the service. */
    forget(): Promise<void>;
    /** Sends a request; gives the JSON of the answer, or throws the refusal. */
    request(method: string, path: string, args?: RequestArguments): Promise<any>;
}
