// The errors of the client: the service refused (a problem document), it did not answer, or nobody
// is signed in.
/** The service refused a request. `code` is stable; `message` is for developers. */
export class ProblemError extends Error {
    status;
    code;
    problem;
    retryAfter;
    name = "ProblemError";
    constructor(status, code, 
    /** The whole document; of an answer that is none (a proxy's), the fields it would have. */
    problem, 
    /** Seconds to wait before the next try: `Retry-After`, on 429 and 503. */
    retryAfter) {
        super(`${status} ${code}: ${problem.detail}`);
        this.status = status;
        this.code = code;
        this.problem = problem;
        this.retryAfter = retryAfter;
    }
    get detail() {
        return this.problem.detail;
    }
    get requestId() {
        return this.problem.requestId;
    }
    /** Whether it is one of these problems. */
    is(...codes) {
        return codes.some((code) => code === this.code);
    }
}
/** No answer came: no network, a time-out, or an answer that broke off. The session is kept. */
export class NetworkError extends Error {
    name = "NetworkError";
    constructor(cause) {
        super("the service does not answer", { cause });
    }
}
/** The call needs a session, and there is none. */
export class SignedOutError extends Error {
    reason;
    name = "SignedOutError";
    constructor(reason) {
        super(`nobody is signed in: ${reason}`);
        this.reason = reason;
    }
}
/** Whether an error is a refusal by one of these codes (by any, if none is given). */
export function isProblem(error, ...codes) {
    return error instanceof ProblemError && (codes.length === 0 || error.is(...codes));
}
/** Reads the refusal out of an answer. */
export async function problemOf(response) {
    const { status, headers } = response;
    const wait = Number.parseInt(headers.get("retry-after") ?? "", 10);
    let body = {};
    try {
        const parsed = JSON.parse(await response.text());
        if (typeof parsed === "object" && parsed !== null)
            body = parsed;
    }
    catch {
        // Not the service's own answer.
    }
    const code = typeof body.code === "string" ? body.code : "http_error";
    const problem = {
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
