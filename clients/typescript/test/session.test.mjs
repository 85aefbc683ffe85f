// The rule of the refresh token: one for all tabs, read just before it is sent; a reply replaces only
// the token that it was asked with.

import assert from "node:assert/strict";
import { test } from "node:test";
import { NetworkError, ProblemError, SignedOutError, memoryStorage, storageLocks } from "../dist/index.js";
import { json, problem, Service, signIn } from "./service.mjs";

const REFRESH = "/auth/v1/tokens/refresh";

/** The stored access token has expired, by the client's own clock. */
async function expire(storage, key = "auth") {
  const record = JSON.parse(await storage.getItem(key));
  record.session.accessExpiresAt = 0;
  await storage.setItem(key, JSON.stringify(record));
}

function setUp(tabs = 2) {
  const service = new Service();
  const storage = memoryStorage();
  const clients = service.tabs(tabs, { storage });
  const events = [];
  clients.forEach((client, n) => client.subscribe(({ type, reason }) => events.push([n, type, reason])));
  return { service, storage, clients, events };
}

test("many calls in two tabs refresh once", async () => {
  const { service, storage, clients } = setUp();
  await signIn(clients[0]);
  await expire(storage);
  await Promise.all(Array.from({ length: 20 }, (_, n) => clients[n % 2].api.list_devices()));
  assert.equal(service.count(REFRESH), 1);
  assert.equal(service.count("/auth/v1/device"), 20);
  assert.equal((await clients[0].session()).refreshToken, "s0.1");
});

test("a refresh that is asked for comes even if the token is good", async () => {
  const { service, clients } = setUp();
  await signIn(clients[0]);
  await clients[1].refresh();
  assert.equal(service.count(REFRESH), 1);
  assert.equal((await clients[0].session()).refreshToken, "s0.1");
});

test("a lost reply keeps the token, and the next try gets in", async () => {
  const { service, storage, clients, events } = setUp();
  await signIn(clients[0]);
  await expire(storage);
  service.hook = ({ path }, answer) => {
    if (path !== REFRESH) return undefined;
    answer();
    throw new TypeError("connection reset");
  };
  await assert.rejects(clients[0].api.list_devices(), NetworkError);
  assert.equal((await clients[0].session()).refreshToken, "s0.0");
  service.hook = () => undefined;
  await clients[1].api.list_devices();
  assert.equal((await clients[0].session()).refreshToken, "s0.1");
  assert.ok(!events.some(([, type]) => type === "signed_out"));
});

test("a reply does not replace a token that it was not asked with", async () => {
  const { service, storage, clients } = setUp();
  await signIn(clients[0]);
  await expire(storage);
  service.hook = async ({ path }, answer) => {
    if (path !== REFRESH) return undefined;
    const late = answer();
    // Somebody logs in meanwhile.
    service.hook = () => undefined;
    await clients[1].logIn({ verificationId: "0cde2b0e-7d4e-8b19-a6c3-91e5d2f8b074" });
    return late;
  };
  await clients[0].api.list_devices();
  assert.equal((await clients[0].session()).refreshToken, "s1.0");
  assert.match(service.requests.at(-1).headers.authorization, /a\.s1\./);
});

test("a reply signs nobody in who signed out meanwhile", async () => {
  const { service, storage, clients } = setUp();
  await signIn(clients[0]);
  await expire(storage);
  service.hook = async ({ path }, answer) => {
    if (path !== REFRESH) return undefined;
    const late = answer();
    await clients[1].forget();
    return late;
  };
  await assert.rejects(clients[0].api.list_devices(), { name: "SignedOutError", reason: "logged_out" });
  assert.equal(await clients[0].session(), undefined);
});

test("refresh_superseded: the stored token is read again", async () => {
  const { service, storage, clients } = setUp(1);
  await signIn(clients[0]);
  await expire(storage);
  service.hook = ({ path }) => {
    if (path !== REFRESH) return undefined;
    service.hook = () => undefined;
    // Another tab, without our locks, stores its reply a moment later.
    setTimeout(async () => {
      const record = JSON.parse(storage.getItem("auth"));
      const session = { ...record.session, refreshToken: "s0.7", accessExpiresAt: Date.now() + 900_000 };
      storage.setItem("auth", JSON.stringify({ ...record, session }));
    }, 150);
    return problem(409, "refresh_superseded");
  };
  await clients[0].api.list_devices();
  assert.equal(service.count(REFRESH), 1);
  assert.equal((await clients[0].session()).refreshToken, "s0.7");
});

for (const code of ["session_ended", "refresh_reused", "token_expired"]) {
  test(`${code} at a refresh signs out, in one event`, async () => {
    const { service, storage, clients, events } = setUp(1);
    await signIn(clients[0]);
    await expire(storage);
    service.hook = ({ path }) => (path === REFRESH ? problem(401, code) : undefined);
    await assert.rejects(clients[0].api.list_devices(), { name: "SignedOutError", reason: code });
    await assert.rejects(clients[0].api.list_devices(), { name: "SignedOutError", reason: code });
    assert.equal(service.count(REFRESH), 1);
    assert.deepEqual(events.slice(1), [[0, "signed_out", code]]);
  });
}

test("answers that are not the service's own sign nobody out", async () => {
  const { service, storage, clients } = setUp(1);
  await signIn(clients[0]);
  await expire(storage);
  const html = (status) => new Response("<html>Log in to the Wi-Fi</html>", { status });
  const answers = [html(200), html(401), html(502), json(200, {}), problem(500, "internal"), problem(401, "dpop_proof_invalid")];
  for (const answer of answers) {
    service.hook = ({ path }) => (path === REFRESH ? answer.clone() : undefined);
    await assert.rejects(clients[0].api.list_devices(), (error) => !(error instanceof SignedOutError));
    assert.equal((await clients[0].session()).refreshToken, "s0.0");
  }
});

test("429 and 503 say when to come back, and nobody asks before", async () => {
  const { service, storage, clients } = setUp(1);
  await signIn(clients[0]);
  await expire(storage);
  service.hook = ({ path }) =>
    path === REFRESH ? problem(503, "unavailable", { "retry-after": "1" }, { retryAfterSeconds: 1 }) : undefined;
  for (let n = 0; n < 3; n++) {
    await assert.rejects(clients[0].api.list_devices(), { code: "unavailable", retryAfter: 1 });
  }
  assert.equal(service.count(REFRESH), 1);
  service.hook = () => undefined;
  await new Promise((resolve) => setTimeout(resolve, 1050));
  await clients[0].api.list_devices();
  assert.equal(service.count(REFRESH), 2);
});

test("an access token that the service no longer takes is refreshed, and the call repeated once", async () => {
  const { service, clients } = setUp(1);
  await signIn(clients[0]);
  let refused = 0;
  service.hook = ({ path }) => (path === "/auth/v1/device" && refused++ < 1 ? problem(401, "token_expired") : undefined);
  assert.deepEqual(await clients[0].api.list_devices(), []);
  service.hook = ({ path }) => (path === "/auth/v1/device" ? problem(401, "token_invalid") : undefined);
  await assert.rejects(clients[0].api.list_devices(), { code: "token_invalid" });
  assert.equal(service.count(REFRESH), 2);
  assert.ok(await clients[0].session());
});

test("a session that ended elsewhere ends here, and shows later that the device was known", async () => {
  const { service, clients, events } = setUp(1);
  await signIn(clients[0]);
  service.endAll();
  await assert.rejects(clients[0].api.list_devices(), { code: "session_ended" });
  assert.equal(await clients[0].session(), undefined);
  assert.deepEqual(events.at(-1), [0, "signed_out", "session_ended"]);
  const installationId = await clients[0].installationId();
  await clients[0].logIn({ verificationId: "0cde2b0e-7d4e-8b19-a6c3-91e5d2f8b074" });
  const { body } = service.requests.at(-1);
  assert.equal(body.previousToken, "s0.0");
  assert.equal(body.installationId, installationId);
});

test("the answer of an ended session does not end the one that took its place", async () => {
  const { service, clients } = setUp();
  await signIn(clients[0]);
  service.hook = async ({ path }) => {
    if (path !== "/auth/v1/device") return undefined;
    service.hook = () => undefined;
    await clients[1].logIn({ verificationId: "0cde2b0e-7d4e-8b19-a6c3-91e5d2f8b074" });
    return problem(401, "session_ended");
  };
  assert.deepEqual(await clients[0].api.list_devices(), []);
  assert.equal((await clients[0].session()).refreshToken, "s1.0");
});

test("logging out without an answer keeps the session; with one it is gone", async () => {
  const { service, clients } = setUp(1);
  await signIn(clients[0]);
  service.hook = () => Promise.reject(new TypeError("no network"));
  await assert.rejects(clients[0].logOut(), NetworkError);
  assert.ok(await clients[0].session());
  service.hook = () => undefined;
  await clients[0].logOut();
  assert.equal(await clients[0].session(), undefined);
  await clients[0].logOut();
});

test("maxTokenAge refreshes an older token first", async () => {
  const { service, storage, clients } = setUp(1);
  await signIn(clients[0]);
  await clients[0].api.list_devices({ maxTokenAge: 100 });
  assert.equal(service.count(REFRESH), 0);
  const record = JSON.parse(storage.getItem("auth"));
  record.session.accessIssuedAt -= 101_000;
  storage.setItem("auth", JSON.stringify(record));
  await clients[0].api.list_devices();
  assert.equal(service.count(REFRESH), 0);
  await clients[0].api.list_devices({ maxTokenAge: 100 });
  assert.equal(service.count(REFRESH), 1);
});

test("a refusal carries what its reader needs", async () => {
  const { service, clients } = setUp(1);
  const errors = [{ field: "phoneNumber", code: "invalid", detail: "It is no number." }];
  service.hook = () => problem(400, "validation_failed", {}, { errors });
  const refusal = await clients[0].sendCode("login", { phoneNumber: "1" }).catch((error) => error);
  assert.ok(refusal instanceof ProblemError);
  assert.ok(refusal.is("validation_failed") && !refusal.is("internal"));
  assert.equal(refusal.status, 400);
  assert.equal(refusal.requestId, "r1");
  assert.deepEqual(refusal.problem.errors, errors);
});

test("a request ends with its signal, and with its time", async () => {
  const service = new Service();
  const waits = (_, { signal }) =>
    new Promise((_, reject) => {
      // As an open socket does, it keeps the process running.
      const open = setInterval(() => {}, 1000);
      const end = () => {
        clearInterval(open);
        reject(signal.reason);
      };
      if (signal.aborted) end();
      signal.addEventListener("abort", end);
    });
  const [client] = service.tabs(1, { fetch: waits, timeout: 50 });
  await assert.rejects(client.request("GET", "/"), NetworkError);
  const signal = AbortSignal.abort(new Error("mine"));
  await assert.rejects(client.request("GET", "/", { signal }), { message: "mine" });
});

test("locks over the storage let one tab in at a time", async () => {
  const storage = memoryStorage();
  let inside = 0;
  let most = 0;
  let runs = 0;
  const tabs = Array.from({ length: 6 }, () => storageLocks(storage));
  await Promise.all(
    tabs.map((locks) =>
      locks.run("auth", async () => {
        most = Math.max(most, ++inside);
        await new Promise((resolve) => setTimeout(resolve, 20));
        inside--;
        runs++;
      }),
    ),
  );
  assert.deepEqual([most, runs], [1, 6]);
  assert.equal(storage.getItem("auth.lock"), null);
});
