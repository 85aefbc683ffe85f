// The service's HTTP API as an app uses it.

import assert from "node:assert/strict";

/** A caller: nobody yet, or whom the access token names. */
export class Client {
  #base;
  #headers;

  constructor(base, accessToken) {
    assert.ok(base, "usage: node <scenario>.mjs <address of a local service>");
    this.#base = base;
    this.#headers = { "content-type": "application/json" };
    if (accessToken) this.#headers.authorization = `Bearer ${accessToken}`;
  }

  bearer(accessToken) {
    return new Client(this.#base, accessToken);
  }

  get(path, status = 200) {
    return this.send("GET", path, undefined, status);
  }

  post(path, body, status = 200) {
    return this.send("POST", path, body, status);
  }

  /** Gives the answer's JSON, if the answer has this status. */
  async send(method, path, body, status) {
    const request = { method, headers: this.#headers, body: JSON.stringify(body) };
    const response = await fetch(this.#base + path, request);
    const text = await response.text();
    assert.equal(response.status, status, `${method} ${path} was answered: ${text}`);
    return text ? JSON.parse(text) : undefined;
  }

  /**
   * Creates the account of this number. `prove` adds the proof to the bundle, for a verification.
   * Gives `{accessToken, userId, deviceId, …}`.
   */
  async register(phoneNumber, deviceId, prove) {
    const verificationId = await this.#verify("register", phoneNumber, deviceId);
    const signalKeyBundle = prove(verificationId);
    return this.post("/auth/v1/register", { verificationId, deviceId, signalKeyBundle }, 201);
  }

  /** Logs a device in to the account of this number. */
  async logIn(phoneNumber, deviceId, prove) {
    const verificationId = await this.#verify("login", phoneNumber, deviceId);
    const signalKeyBundle = prove(verificationId);
    return this.post("/auth/v1/login", { verificationId, deviceId, signalKeyBundle });
  }

  /** Proves the number by the code that was sent to it. */
  async #verify(purpose, phoneNumber, deviceId) {
    const path = `/auth/v1/verify/${purpose}`;
    const { verificationId } = await this.post(`${path}/request`, { phoneNumber, deviceId });
    const inbox = await this.get("/dev/inbox");
    const { code } = inbox.find((message) => message.to === phoneNumber);
    await this.post(`${path}/confirm`, { verificationId, code, deviceId });
    return verificationId;
  }
}
