// The errors of the client: the service refused (a problem document), it did not answer, or nobody
// is signed in.

import type { OperationId, Schemas } from "./types.js";

/** The codes of an operation's problems. */
export type ProblemCodeOf<Id extends OperationId> = `${PascalCase<Id>}Problem` extends infer Name
  ? Name extends keyof Schemas
    ? Schemas[Name] extends { code: infer Code extends string }
      ? Code
      : never
    : never
  : never;

type PascalCase<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Capitalize<Head>}${PascalCase<Tail>}`
  : Capitalize<S>;

/** All codes of problems. */
export type ProblemCode = {
  [Name in keyof Schemas]: Name extends `${string}Problem`
    ? Schemas[Name] extends { code: infer Code extends string }
      ? Code
      : never
    : never;
}[keyof Schemas];

/** A problem document (RFC 9457). A service newer than this client may have further codes. */
export type Problem = Schemas["Problem"] & { code: ProblemCode | (string & {}) };

/** The service refused a request. `code` is stable; `message` is for developers. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";

  constructor(
    readonly status: number,
    readonly code: Problem["code"],
    /** The whole document; of an answer that is none (a proxy's), the fields it would have. */
    readonly problem: Problem,
    /** Seconds to wait before the next try: `Retry-After`, on 429 and 503. */
    readonly retryAfter: number | undefined,
  ) {
    super(`${status} ${code}: ${problem.detail}`);
  }

  get detail(): string {
    return this.problem.detail;
  }

  get requestId(): string {
    return this.problem.requestId;
  }

  /** Whether it is one of these problems. */
  is(...codes: ProblemCode[]): boolean {
    return codes.some((code) => code === this.code);
  }
}

/** No answer came: no network, a time-out, or an answer that broke off. The session is kept. */
export class NetworkError extends Error {
  override readonly name = "NetworkError";

  constructor(cause: unknown) {
    super("the service does not answer", { cause });
  }
}

/** Why there is no session (any more). */
export type SignedOutReason =
  | "never_signed_in"
  /** By `logOut`, `logOutAll` or `forget`, here or in another tab. */
  | "logged_out"
  /** The service ended the session: another device logged this one out, or it was removed. */
  | "session_ended"
  /** A spent refresh token was used again: somebody else may hold a copy. */
  | "refresh_reused"
  | "token_expired"
  | "token_invalid"
  /** The key that the tokens are bound to is not in this browser any more. */
  | "key_lost";

/** The call needs a session, and there is none. */
export class SignedOutError extends Error {
  override readonly name = "SignedOutError";

  constructor(readonly reason: SignedOutReason) {
    super(`nobody is signed in: ${reason}`);
  }
}

/** Whether an error is a refusal by one of these codes (by any, if none is given). */
export function isProblem(error: unknown, ...codes: ProblemCode[]): error is ProblemError {
  return error instanceof ProblemError && (codes.length === 0 || error.is(...codes));
}

/** Reads the refusal out of an answer. */
export async function problemOf(response: Response): Promise<ProblemError> {
  const { status, headers } = response;
  const wait = Number.parseInt(headers.get("retry-after") ?? "", 10);
  let body: Partial<Problem> = {};
  try {
    const parsed: unknown = JSON.parse(await response.text());
    if (typeof parsed === "object" && parsed !== null) body = parsed;
  } catch {
    // Not the service's own answer.
  }
  const code = typeof body.code === "string" ? body.code : "http_error";
  const problem: Problem = {
    type: "about:blank",
    title: response.statusText,
    detail: response.statusText || `status ${status}`,
    message: response.statusText,
    requestId: headers.get("x-request-id") ?? "",
    ...body,
    status,
    statusCode: status,
    code,
  };
  const retryAfter = Number.isNaN(wait) ? problem.retryAfterSeconds : wait;
  return new ProblemError(status, code, problem, retryAfter);
}
