// A service for the tests: sessions with the refresh rule of the API description, behind a `fetch`
// that loses what a test wants lost.

import { createClient, memoryKeys, memoryStorage, processLocks } from "../dist/index.js";

const PHONE = "+33612345678";

export class Service {
  /** Requests, in order: `{method, path, headers, body}`. */
  requests = [];
  /** Replaces the answer of a route, or comes before it. Gives undefined to go on. */
  hook = () => undefined;
  #sessions = new Map();
  #tokens = 0;

  /** A `fetch` of this service. */
  fetch = async (url, init = {}) => {
    // The answer takes a moment, as answers do.
    await new Promise((resolve) => setTimeout(resolve, 5));
    const { pathname: path } = new URL(url);
    const headers = Object.fromEntries(new Headers(init.headers));
    const request = { method: init.method, path, headers, body: init.body && JSON.parse(init.body), url };
    this.requests.push(request);
    const answer = (await this.hook(request, () => this.#answer(request))) ?? this.#answer(request);
    return answer;
  };

  count(path) {
    return this.requests.filter((request) => request.path === path).length;
  }

  endAll() {
    for (const session of this.#sessions.values()) session.ended = true;
  }

  #answer({ path, headers, body }) {
    switch (path) {
      case "/auth/v1/register":
      case "/auth/v1/login": {
        const sid = `s${this.#sessions.size}`;
        this.#sessions.set(sid, { generation: 0, ended: false });
        return json(path.endsWith("login") ? 200 : 201, {
          ...this.#pair(sid, 0),
          installationId: body.installationId,
        });
      }
      case "/auth/v1/tokens/refresh": {
        const [sid, generation] = body.refreshToken.split(".").map((part, n) => (n ? Number(part) : part));
        const session = this.#sessions.get(sid);
        if (!session) return problem(401, "token_invalid");
        if (session.ended) return problem(401, "session_ended");
        if (generation === session.generation) session.generation++;
        else if (generation !== session.generation - 1) {
          session.ended = true;
          return problem(401, "refresh_reused");
        }
        return json(200, this.#pair(sid, session.generation));
      }
      default: {
        const [, sid] = headers.authorization?.match(/^\w+ a\.(\w+)\./) ?? [];
        if (!sid) return problem(401, "token_missing");
        if (this.#sessions.get(sid).ended) return problem(401, "session_ended");
        if (path === "/auth/v1/logout") {
          this.#sessions.get(sid).ended = true;
          return new Response(null, { status: 204 });
        }
        return json(200, []);
      }
    }
  }

  #pair(sid, generation) {
    return {
      accessToken: `a.${sid}.${this.#tokens++}`,
      refreshToken: `${sid}.${generation}`,
      expiresIn: 900,
      refreshExpiresIn: 2_592_000,
      userId: "u1",
      deviceId: "d1",
    };
  }

  /** Tabs of one browser: they share the storage and the locks. */
  tabs(count, options = {}) {
    const storage = memoryStorage();
    const locks = processLocks();
    return Array.from({ length: count }, () =>
      createClient({ baseUrl: "https://auth.example", storage, locks, fetch: this.fetch, ...options }),
    );
  }
}

export const signIn = (client) =>
  client.register({ verificationId: "0cde2b0e-7d4e-8b19-a6c3-91e5d2f8b074" });

export function json(status, body, headers = {}) {
  const type = status < 400 ? "application/json" : "application/problem+json";
  return new Response(JSON.stringify(body), { status, headers: { "content-type": type, ...headers } });
}

export function problem(status, code, headers = {}, more = {}) {
  const body = { type: "about:blank", title: code, status, detail: `It is ${code}.`, code, requestId: "r1", ...more };
  return json(status, body, headers);
}

export { memoryKeys, PHONE };
