// Proofs of possession, as the service checks them (shared/src/tokens/dpop.rs).

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { memoryKeys, memoryStorage } from "../dist/index.js";
import { json, problem, Service, signIn } from "./service.mjs";

const decode = (part) => JSON.parse(Buffer.from(part, "base64url"));
const sha256 = (text) => createHash("sha256").update(text).digest("base64url");

/** The claims of a proof, whose signature holds. */
async function claims(proof) {
  const [header, payload, signature] = proof.split(".");
  const { typ, alg, jwk } = decode(header);
  assert.deepEqual([typ, alg, jwk.kty, jwk.crv], ["dpop+jwt", "ES256", "EC", "P-256"]);
  assert.equal(jwk.d, undefined);
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("jwk", jwk, algorithm, false, ["verify"]);
  const message = Buffer.from(`${header}.${payload}`);
  assert.ok(await crypto.subtle.verify(algorithm, key, Buffer.from(signature, "base64url"), message));
  const { crv, kty, x, y } = jwk;
  return { ...decode(payload), jkt: sha256(JSON.stringify({ crv, kty, x, y })) };
}

/** A client whose tokens name its key. */
async function bound(options = {}) {
  const service = new Service();
  const storage = memoryStorage();
  const keys = memoryKeys();
  const [client] = service.tabs(1, { storage, dpop: keys, ...options });
  let tokens = 0;
  service.hook = async ({ path, headers }) => {
    if (!/register|refresh/.test(path)) return undefined;
    const { jkt } = await claims(headers.dpop);
    const payload = Buffer.from(JSON.stringify({ cnf: { jkt }, n: tokens })).toString("base64url");
    const body = { accessToken: `e30.${payload}.x`, refreshToken: `r${tokens++}`, expiresIn: 900 };
    return json(200, { ...body, refreshExpiresIn: 9000, userId: "u1", deviceId: "d1" });
  };
  await signIn(client);
  return { service, storage, keys, client };
}

test("each request has a proof of its own, for the request and its token", async () => {
  const { service, client } = await bound();
  const { accessToken, jkt } = await client.session();
  service.hook = ({ path }) => (path.includes("device") ? json(200, {}) : undefined);
  await client.api.list_log_ins({ query: { cursor: "c" } }).catch(() => undefined);
  await client.api.fetch_device({ path: { deviceId: "d1" } });
  const [registered, ...later] = service.requests;
  const first = await claims(registered.headers.dpop);
  assert.deepEqual([first.htm, first.htu, first.ath], ["POST", "https://auth.example/auth/v1/register", undefined]);
  assert.equal(registered.headers.authorization, undefined);
  const proofs = await Promise.all(later.map(({ headers }) => claims(headers.dpop)));
  assert.equal(proofs[0].htu, "https://auth.example/auth/v1/login-history", "without the query");
  for (const proof of proofs) {
    assert.equal(proof.ath, sha256(accessToken));
    assert.equal(proof.jkt, jkt);
    assert.ok(Math.abs(proof.iat - Date.now() / 1000) < 5);
  }
  assert.equal(new Set([first, ...proofs].map(({ jti }) => jti)).size, 3);
  assert.equal(later[0].headers.authorization, `DPoP ${accessToken}`);
});

test("a client whose clock is wrong learns the service's, and tries once more", async () => {
  const { service, client } = await bound();
  const date = new Date(Date.now() - 3_600_000).toUTCString();
  const seen = [];
  service.hook = async ({ headers }) => {
    const { iat } = await claims(headers.dpop);
    seen.push(iat);
    return iat > Date.now() / 1000 - 3000 ? problem(401, "dpop_proof_invalid", { date }) : json(200, []);
  };
  assert.deepEqual(await client.api.list_devices(), []);
  assert.equal(seen.length, 2);
  service.hook = () => problem(401, "dpop_proof_invalid", { date });
  await assert.rejects(client.api.list_devices(), { code: "dpop_proof_invalid" });
  assert.ok(await client.session());
});

test("a session whose key is gone is over", async () => {
  const { service, storage } = await bound();
  const [other] = service.tabs(1, { storage, dpop: memoryKeys() });
  const requests = service.requests.length;
  await assert.rejects(other.refresh(), { name: "SignedOutError", reason: "key_lost" });
  assert.equal(service.requests.length, requests, "nothing is sent");
  assert.equal(await other.session(), undefined);
});

test("a session without a key stays one, also for a client that has a key by now", async () => {
  const service = new Service();
  const storage = memoryStorage();
  const [plain] = service.tabs(1, { storage });
  await signIn(plain);
  const [client] = service.tabs(1, { storage, dpop: memoryKeys() });
  await client.api.list_devices();
  assert.match(service.requests.at(-1).headers.authorization, /^Bearer /);
  assert.equal(service.requests.at(-1).headers.dpop, undefined);
});
