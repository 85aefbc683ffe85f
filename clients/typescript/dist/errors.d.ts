import type { OperationId, Schemas } from "./types.js";
/** The codes of an operation's problems. */
export type ProblemCodeOf<Id extends OperationId> = `${PascalCase<Id>}Problem` extends infer Name ? Name extends keyof Schemas ? Schemas[Name] extends {
    code: infer Code extends string;
} ? Code : never : never : never;
type PascalCase<S extends string> = S extends `${infer Head}_${infer Tail}` ? `${Capitalize<Head>}${PascalCase<Tail>}` : Capitalize<S>;
/** All codes of problems. */
export type ProblemCode = {
    [Name in keyof Schemas]: Name extends `${string}Problem` ? Schemas[Name] extends {
        code: infer Code extends string;
    } ? Code : never : never;
}[keyof Schemas];
/** A problem document (RFC 9457). A service newer than this client may have further codes. */
export type Problem = Schemas["Problem"] & {
    code: ProblemCode | (string & {});
};
/** The service refused a request. `code` is stable; `message` is for developers. */
export declare class ProblemError extends Error {
    readonly status: number;
    readonly code: Problem["code"];
    /** The whole document; of an answer that is none (a proxy's), the fields it would have. */
    readonly problem: Problem;
    /** Seconds to wait before the next try: `Retry-After`, on 429 and 503. */
    readonly retryAfter: number | undefined;
    readonly name = "ProblemError";
    constructor(status: number, code: Problem["code"], 
    /** The whole document; of an answer that is none (a proxy's), the fields it would have. */
    problem: Problem, 
    /** Seconds to wait before the next try: `Retry-After`, on 429 and 503. */
    retryAfter: number | undefined);
    get detail(): string;
    get requestId(): string;
    /** Whether it is one of these problems. */
    is(...codes: ProblemCode[]): boolean;
}
/** No answer came: no network, a time-out, or an answer that broke off. The session is kept. */
export declare class NetworkError extends Error {
    readonly name = "NetworkError";
    constructor(cause: unknown);
}
/** Why there is no session (any more). */
export type SignedOutReason = "never_signed_in"
/** By `logOut`, `logOutAll` or `forget`, here or in another tab. */
 | "logged_out"
/** The service ended the session: another device logged this one out, or it was removed. */
 | "session_ended"
/** A spent refresh token was used again: somebody else may hold a copy. */
 | "refresh_reused" | "token_expired" | "token_invalid"
/** The key that the tokens are bound to is not in this browser any more. */
 | "key_lost";
/** The call needs a session, and there is none. */
export declare class SignedOutError extends Error {
    readonly reason: SignedOutReason;
    readonly name = "SignedOutError";
    constructor(reason: SignedOutReason);
}
/** Whether an error is a refusal by one of these codes (by any, if none is given). */
export declare function isProblem(error: unknown, ...codes: ProblemCode[]): error is ProblemError;
/** Reads the refusal out of an answer. */
export declare function problemOf(response: Response): Promise<ProblemError>;
export {};
