// Bundled from clients/dev-page by clients/typescript/scripts/bundle.mjs. Do not edit.

// clients/typescript/src/indexed-db.ts
var NAME = "auth-service-client";
var STORES = ["records", "keys"];
async function transact(store, mode, work) {
  const database = await open();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(store, mode);
      const request = work(transaction.objectStore(store));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error ?? new Error("IndexedDB failed"));
    });
  } finally {
    database.close();
  }
}
function open() {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(NAME, 1);
    opening.onupgradeneeded = () => {
      for (const store of STORES) opening.result.createObjectStore(store);
    };
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error ?? new Error("IndexedDB failed"));
  });
}
function indexedDbStorage() {
  const channel = new BroadcastChannel(NAME);
  const get = (key) => transact("records", "readonly", (records) => records.get(key)).then(
    (value) => typeof value === "string" ? value : null
  );
  const changed = (change) => channel.postMessage(change);
  return {
    getItem: get,
    async setItem(key, value) {
      const oldValue = await get(key);
      await transact("records", "readwrite", (records) => records.put(value, key));
      changed({ key, oldValue, newValue: value });
    },
    async removeItem(key) {
      const oldValue = await get(key);
      await transact("records", "readwrite", (records) => records.delete(key));
      changed({ key, oldValue, newValue: null });
    },
    watch(listener2) {
      channel.addEventListener("message", ({ data }) => listener2(data));
    }
  };
}

// clients/typescript/src/locks.ts
function webLocks(locks) {
  return {
    async run(name, work) {
      return await locks.request(name, work);
    }
  };
}
function processLocks() {
  const last = /* @__PURE__ */ new Map();
  return {
    run(name, work) {
      const next = (last.get(name) ?? Promise.resolve()).then(work, work);
      const ended = next.then(
        () => void 0,
        () => void 0
      );
      last.set(name, ended);
      void ended.then(() => last.get(name) === ended && last.delete(name));
      return next;
    }
  };
}
var CLAIM_TTL = 1e4;
var RENEW_EVERY = 2e3;
var SETTLE = 100;
var POLL = 60;
function storageLocks(storage2) {
  const inProcess = processLocks();
  return {
    run: (name, work) => inProcess.run(name, () => withClaim(storage2, `${name}.lock`, work))
  };
}
async function withClaim(storage2, key, work) {
  const owner = randomId();
  const claim = () => storage2.setItem(key, `${owner} ${Date.now() + CLAIM_TTL}`);
  const holder = async () => {
    const [by, until] = (await storage2.getItem(key) ?? "").split(" ");
    return by && Number(until) > Date.now() ? by : void 0;
  };
  for (; ; ) {
    if (await holder() === void 0) {
      await claim();
      await pause(SETTLE + Math.random() * SETTLE);
      if (await holder() === owner) break;
    }
    await pause(POLL + Math.random() * POLL);
  }
  const renewal = setInterval(() => void claim(), RENEW_EVERY);
  try {
    return await work();
  } finally {
    clearInterval(renewal);
    if (await holder() === owner) await storage2.removeItem(key);
  }
}
function defaultLocks(storage2) {
  const web = globalThis.navigator?.locks;
  return web ? webLocks(web) : storageLocks(storage2);
}
function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
function randomId() {
  const bytes2 = crypto.getRandomValues(new Uint8Array(16));
  bytes2[6] = bytes2[6] & 15 | 64;
  bytes2[8] = bytes2[8] & 63 | 128;
  const hex = Array.from(bytes2, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

// clients/typescript/src/dpop.ts
var ALGORITHM = { name: "ECDSA", namedCurve: "P-256" };
function indexedDbKeys(name) {
  return {
    load: () => transact("keys", "readonly", (keys) => keys.get(name)),
    async keep(pair) {
      await transact("keys", "readwrite", (keys) => keys.add(pair, name)).catch(() => void 0);
      const kept = await this.load();
      if (!kept) throw new Error("IndexedDB does not keep the key");
      return kept;
    }
  };
}
var DpopSigner = class {
  constructor(keys) {
    this.keys = keys;
  }
  keys;
  #pair;
  /** Seconds by which the service's clock is ahead of ours. */
  #offset = 0;
  /** The thumbprint of the key (RFC 7638), which the tokens name. */
  async thumbprint() {
    return (await this.#signing()).thumbprint;
  }
  async proof({ method, url, accessToken }) {
    const { pair, jwk } = await this.#signing();
    const { origin, pathname } = new URL(url);
    const claims = {
      jti: randomId(),
      htm: method,
      htu: origin + pathname,
      iat: Math.floor(Date.now() / 1e3) + this.#offset
    };
    if (accessToken !== void 0) claims["ath"] = await sha256(accessToken);
    const header = { typ: "dpop+jwt", alg: "ES256", jwk };
    const message = `${encode(JSON.stringify(header))}.${encode(JSON.stringify(claims))}`;
    const algorithm = { name: "ECDSA", hash: "SHA-256" };
    const signature = await crypto.subtle.sign(algorithm, pair.privateKey, bytes(message));
    return `${message}.${base64url(new Uint8Array(signature))}`;
  }
  /**
   * Learns the service's time from an answer: a proof may be 5 seconds ahead of it and a minute
   * behind, and clocks of clients are worse. Tells whether there was something to learn.
   */
  learnClock(response) {
    const theirs = Date.parse(response.headers.get("date") ?? "");
    if (Number.isNaN(theirs)) return false;
    const offset = Math.round((theirs - Date.now()) / 1e3);
    const differs = Math.abs(offset - this.#offset) > 2;
    if (differs) this.#offset = offset;
    return differs;
  }
  #signing() {
    this.#pair ??= this.#load().catch((error) => {
      this.#pair = void 0;
      throw error;
    });
    return this.#pair;
  }
  async #load() {
    let pair = await this.keys.load();
    if (!pair) {
      const made = await crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"]);
      pair = await this.keys.keep(made);
    }
    const { x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
    const jwk = { crv: "P-256", kty: "EC", x, y };
    return { pair, jwk, thumbprint: await sha256(JSON.stringify(jwk)) };
  }
};
function boundKey(accessToken) {
  try {
    const payload = accessToken.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const claims = JSON.parse(atob(payload));
    return claims.cnf?.jkt;
  } catch {
    return void 0;
  }
}
async function sha256(text) {
  return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes(text))));
}
function bytes(text) {
  return new TextEncoder().encode(text);
}
function encode(text) {
  return base64url(bytes(text));
}
function base64url(data) {
  const text = btoa(String.fromCharCode(...data));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

// clients/typescript/src/errors.ts
var ProblemError = class extends Error {
  constructor(status, code, problem, retryAfter) {
    super(`${status} ${code}: ${problem.detail}`);
    this.status = status;
    this.code = code;
    this.problem = problem;
    this.retryAfter = retryAfter;
  }
  status;
  code;
  problem;
  retryAfter;
  name = "ProblemError";
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
};
var NetworkError = class extends Error {
  name = "NetworkError";
  constructor(cause) {
    super("the service does not answer", { cause });
  }
};
var SignedOutError = class extends Error {
  constructor(reason) {
    super(`nobody is signed in: ${reason}`);
    this.reason = reason;
  }
  reason;
  name = "SignedOutError";
};
function isProblem(error, ...codes) {
  return error instanceof ProblemError && (codes.length === 0 || error.is(...codes));
}
async function problemOf(response) {
  const { status, headers } = response;
  const wait = Number.parseInt(headers.get("retry-after") ?? "", 10);
  let body = {};
  try {
    const parsed = JSON.parse(await response.text());
    if (typeof parsed === "object" && parsed !== null) body = parsed;
  } catch {
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
    code
  };
  const retryAfter = Number.isNaN(wait) ? problem.retryAfterSeconds : wait;
  return new ProblemError(status, code, problem, retryAfter);
}

// clients/typescript/src/generated/operations.ts
var OPERATIONS = {
  start_registration_verification: { method: "POST", path: "/auth/v1/verify/register/request", bearer: false, body: true },
  resend_verification: { method: "POST", path: "/auth/v1/verify/{verificationId}/resend", bearer: false, body: true },
  fetch_verification: { method: "GET", path: "/auth/v1/verify/{verificationId}", bearer: false, body: false },
  confirm_registration_verification: { method: "POST", path: "/auth/v1/verify/register/confirm", bearer: false, body: true },
  start_login_verification: { method: "POST", path: "/auth/v1/verify/login/request", bearer: false, body: true },
  confirm_login_verification: { method: "POST", path: "/auth/v1/verify/login/confirm", bearer: false, body: true },
  start_phone_change_verification: { method: "POST", path: "/auth/v1/verify/change-phone/request", bearer: false, body: true },
  confirm_phone_change_verification: { method: "POST", path: "/auth/v1/verify/change-phone/confirm", bearer: false, body: true },
  register_user: { method: "POST", path: "/auth/v1/register", bearer: false, body: true },
  login_user: { method: "POST", path: "/auth/v1/login", bearer: false, body: true },
  logout_session: { method: "POST", path: "/auth/v1/logout", bearer: true, body: true },
  logout_all_sessions: { method: "POST", path: "/auth/v1/logout/all", bearer: true, body: false },
  refresh_tokens: { method: "POST", path: "/auth/v1/tokens/refresh", bearer: false, body: true },
  issue_ws_token: { method: "POST", path: "/auth/v1/tokens/ws-token", bearer: true, body: false },
  list_devices: { method: "GET", path: "/auth/v1/device", bearer: true, body: false },
  fetch_device: { method: "GET", path: "/auth/v1/device/{deviceId}", bearer: true, body: false },
  update_device: { method: "PATCH", path: "/auth/v1/device/{deviceId}", bearer: true, body: true },
  remove_device: { method: "DELETE", path: "/auth/v1/device/{deviceId}", bearer: true, body: true },
  fetch_qr_challenge: { method: "GET", path: "/auth/v1/qr-code/challenge/{id}", bearer: true, body: false },
  create_qr_challenge: { method: "POST", path: "/auth/v1/qr-code/challenge/{id}", bearer: true, body: false },
  scan_qr_challenge: { method: "POST", path: "/auth/v1/qr-code/scan", bearer: false, body: true },
  approve_qr_challenge: { method: "POST", path: "/auth/v1/qr-code/challenge/{id}/approve", bearer: true, body: true },
  poll_qr_scan: { method: "POST", path: "/auth/v1/qr-code/scan/{scanId}", bearer: false, body: true },
  deny_qr_challenge: { method: "POST", path: "/auth/v1/qr-code/challenge/{id}/deny", bearer: true, body: false },
  create_qr_link: { method: "POST", path: "/auth/v1/qr-code/link", bearer: false, body: true },
  fetch_qr_link: { method: "GET", path: "/auth/v1/qr-code/link/{linkId}", bearer: true, body: false },
  poll_qr_link: { method: "POST", path: "/auth/v1/qr-code/link/{linkId}", bearer: false, body: true },
  approve_qr_link: { method: "POST", path: "/auth/v1/qr-code/link/{linkId}/approve", bearer: true, body: true },
  deny_qr_link: { method: "POST", path: "/auth/v1/qr-code/link/{linkId}/deny", bearer: true, body: false },
  list_log_ins: { method: "GET", path: "/auth/v1/login-history", bearer: true, body: false },
  list_security_events: { method: "GET", path: "/auth/v1/security-events", bearer: true, body: false },
  set_up_second_factor: { method: "POST", path: "/auth/v1/2fa/setup", bearer: true, body: true },
  enable_second_factor: { method: "POST", path: "/auth/v1/2fa/enable", bearer: true, body: true },
  verify_second_factor: { method: "POST", path: "/auth/v1/2fa/verify", bearer: true, body: true },
  use_backup_code: { method: "POST", path: "/auth/v1/2fa/backup-codes/use", bearer: true, body: true },
  count_backup_codes: { method: "GET", path: "/auth/v1/2fa/backup-codes/remaining", bearer: true, body: false },
  create_backup_codes: { method: "POST", path: "/auth/v1/2fa/backup-codes", bearer: true, body: true },
  regenerate_backup_codes: { method: "POST", path: "/auth/v1/2fa/backup-codes/regenerate", bearer: true, body: true },
  fetch_second_factor_status: { method: "GET", path: "/auth/v1/2fa/status", bearer: true, body: false },
  cancel_second_factor_reset: { method: "POST", path: "/auth/v1/2fa/reset/cancel", bearer: true, body: false },
  disable_second_factor: { method: "POST", path: "/auth/v1/2fa/disable", bearer: true, body: true },
  fetch_account: { method: "GET", path: "/auth/v1/account", bearer: true, body: false },
  delete_account: { method: "DELETE", path: "/auth/v1/account", bearer: true, body: true },
  export_account: { method: "GET", path: "/auth/v1/account/export", bearer: true, body: false },
  change_phone_number: { method: "PUT", path: "/auth/v1/account/phone-number", bearer: true, body: true },
  set_registration_lock: { method: "PUT", path: "/auth/v1/account/registration-lock", bearer: true, body: true },
  remove_registration_lock: { method: "DELETE", path: "/auth/v1/account/registration-lock", bearer: true, body: true },
  undo_account_changes: { method: "POST", path: "/auth/v1/account/undo", bearer: false, body: true },
  upload_signed_prekey: { method: "POST", path: "/auth/v1/signal/keys/signed-prekey", bearer: true, body: true },
  upload_prekeys: { method: "POST", path: "/auth/v1/signal/keys/prekeys", bearer: true, body: true },
  upload_kyber_prekeys: { method: "POST", path: "/auth/v1/signal/keys/kyber-prekeys", bearer: true, body: true },
  upload_kyber_last_resort: { method: "POST", path: "/auth/v1/signal/keys/kyber-last-resort", bearer: true, body: true },
  list_key_devices: { method: "GET", path: "/auth/v1/signal/keys/{userId}/devices", bearer: true, body: false },
  check_key_devices: { method: "POST", path: "/auth/v1/signal/devices/check", bearer: true, body: true },
  fetch_prekey_bundle: { method: "GET", path: "/auth/v1/signal/keys/{userId}/devices/{deviceId}", bearer: true, body: false },
  fetch_user_bundles: { method: "GET", path: "/auth/v1/signal/keys/{userId}/bundles", bearer: true, body: false },
  fetch_bundles: { method: "POST", path: "/auth/v1/signal/keys/bundles", bearer: true, body: true },
  check_keys: { method: "POST", path: "/auth/v1/signal/keys/check", bearer: true, body: true },
  fetch_key_status: { method: "GET", path: "/auth/v1/signal/keys/{userId}/devices/{deviceId}/status", bearer: true, body: false },
  fetch_key_recommendations: { method: "GET", path: "/auth/v1/signal/keys/recommendations", bearer: true, body: false },
  fetch_key_health: { method: "GET", path: "/auth/v1/signal/health", bearer: true, body: false },
  delete_device_keys: { method: "DELETE", path: "/auth/v1/signal/keys/device/{deviceId}", bearer: true, body: true },
  delete_all_keys: { method: "DELETE", path: "/auth/v1/signal/keys", bearer: true, body: true },
  fetch_jwks: { method: "GET", path: "/auth/.well-known/jwks.json", bearer: false, body: false },
  show_swagger: { method: "GET", path: "/auth/swagger", bearer: false, body: false },
  fetch_openapi: { method: "GET", path: "/auth/swagger-json", bearer: false, body: false },
  check_health: { method: "GET", path: "/auth/v1/health", bearer: false, body: false },
  check_liveness: { method: "GET", path: "/auth/v1/health/live", bearer: false, body: false },
  check_readiness: { method: "GET", path: "/auth/v1/health/ready", bearer: false, body: false },
  fetch_metrics: { method: "GET", path: "/metrics", bearer: false, body: false }
};

// clients/typescript/src/storage.ts
var RecordStore = class {
  constructor(storage2, key) {
    this.storage = storage2;
    this.key = key;
  }
  storage;
  key;
  async read() {
    return parseRecord(await this.storage.getItem(this.key));
  }
  async write(record) {
    await this.storage.setItem(this.key, JSON.stringify(record));
  }
};
function parseRecord(text) {
  try {
    const record = JSON.parse(text ?? "{}");
    return typeof record === "object" && record !== null ? record : {};
  } catch {
    return {};
  }
}

// clients/typescript/src/session.ts
var ENDED = ["session_ended", "refresh_reused", "token_expired", "token_invalid"];
var MARGIN = 3e4;
var SUPERSEDED_WAIT = 3e3;
var MAX_TRIES = 4;
var SessionKeeper = class {
  #store;
  #locks;
  /** Sends a refresh token to the service. */
  #exchange;
  #listeners = /* @__PURE__ */ new Set();
  #refreshing;
  /** After 429 or 503: no try before, and the refusal that said so. */
  #pause;
  constructor(store, locks, exchange) {
    this.#store = store;
    this.#locks = locks;
    this.#exchange = exchange;
  }
  read() {
    return this.#store.read();
  }
  /** The session, or an error that says why there is none. */
  async current() {
    const { session, signedOut } = await this.read();
    if (!session) throw new SignedOutError(signedOut ?? "never_signed_in");
    return session;
  }
  /** The session with an access token that is good for a while, and at most `maxAge` seconds old. */
  async usable(maxAge) {
    const session = await this.current();
    return isUsable(session, maxAge) ? session : this.refresh(session.refreshToken);
  }
  /** Makes this the session of all tabs, in place of another. */
  async signIn(tokens) {
    const session = sessionOf(tokens);
    await this.#update((record) => {
      const installationId = tokens.installationId ?? record.installationId;
      return { ...installationId && { installationId }, session };
    });
    this.#pause = void 0;
    this.#tell({ type: "signed_in", session });
    return session;
  }
  /** The id of this installation, made at the first use. */
  async installationId() {
    const { installationId } = await this.read();
    if (installationId) return installationId;
    const record = await this.#update(
      (record2) => record2.installationId ? void 0 : { ...record2, installationId: randomId() }
    );
    return record.installationId;
  }
  /**
   * Exchanges the refresh token, unless another tab has done so since it was `seen`. At any time one
   * request is under way for all tabs.
   */
  async refresh(seen) {
    for (let tries = 0; ; tries++) {
      this.#refreshing ??= this.#locks.run(`${this.#store.key}.refresh`, () => this.#refreshStored(seen)).finally(() => this.#refreshing = void 0);
      const session = await this.#refreshing;
      if (session.refreshToken !== seen || tries > 0) return session;
    }
  }
  async #refreshStored(seen) {
    for (let tries = 0; ; tries++) {
      const session = await this.current();
      const asked3 = session.refreshToken;
      if (seen !== void 0 && asked3 !== seen && isUsable(session)) return session;
      if (this.#pause && this.#pause.until > Date.now()) throw this.#pause.refusal;
      let tokens;
      try {
        tokens = await this.#exchange(session);
      } catch (error) {
        if (!(error instanceof ProblemError)) throw error;
        if (error.retryAfter !== void 0) {
          this.#pause = { until: Date.now() + error.retryAfter * 1e3, refusal: error };
        }
        if (error.is("refresh_superseded") && tries < MAX_TRIES) {
          await this.#untilReplaced(asked3);
        } else {
          const reason = ENDED.find((code) => error.is(code));
          if (!reason) throw error;
          if (await this.drop(asked3, reason)) throw new SignedOutError(reason);
        }
        if (tries >= MAX_TRIES) throw error;
        seen = asked3;
        continue;
      }
      this.#pause = void 0;
      const refreshed = await this.#replace(asked3, sessionOf(tokens, session));
      if (refreshed) return refreshed;
      seen = asked3;
    }
  }
  /** Puts the reply in the place of the token that it was asked with, and of no other. */
  async #replace(asked3, session) {
    const record = await this.#update(
      (record2) => record2.session?.refreshToken === asked3 ? { ...record2, session } : void 0
    );
    if (record.session?.refreshToken !== session.refreshToken) return void 0;
    this.#tell({ type: "refreshed", session });
    return session;
  }
  /** Ends the session here, if it still has this token. The token shows later that we were here. */
  async drop(token, reason) {
    let dropped = false;
    await this.#update(({ session, ...record }) => {
      if (session?.refreshToken !== token) return void 0;
      dropped = true;
      return { ...record, previousToken: token, signedOut: reason };
    });
    if (dropped) this.#tell({ type: "signed_out", reason });
    return dropped;
  }
  /** Waits until the stored token is another one, for a while. */
  async #untilReplaced(asked3) {
    const end = Date.now() + SUPERSEDED_WAIT;
    while ((await this.current()).refreshToken === asked3 && Date.now() < end) await pause(100);
  }
  /** Reads, changes and writes the record while no other tab does; `undefined` changes nothing. */
  #update(change) {
    return this.#locks.run(`${this.#store.key}.write`, async () => {
      const record = await this.read();
      const changed = change(record);
      if (changed) await this.#store.write(changed);
      return changed ?? record;
    });
  }
  subscribe(listener2) {
    this.#listeners.add(listener2);
    return () => void this.#listeners.delete(listener2);
  }
  /** Tells what another tab has done. */
  followOtherTabs() {
    const { storage: storage2, key } = this.#store;
    const follow = (change) => {
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
    if (storage2.watch) return storage2.watch(follow);
    globalThis.addEventListener?.("storage", (event) => {
      if (event.storageArea === storage2) follow(event);
    });
  }
  #tell(event) {
    for (const listener2 of this.#listeners) listener2(event);
  }
};
function isUsable(session, maxAge = Infinity) {
  const now = Date.now();
  const age = now - session.accessIssuedAt;
  return age >= 0 && age <= maxAge * 1e3 && session.accessExpiresAt - MARGIN > now;
}
function sessionOf(tokens, before) {
  const { refreshToken, accessToken, userId, deviceId } = tokens;
  const signalDeviceId = tokens.signalDeviceId ?? before?.signalDeviceId;
  const jkt = boundKey(accessToken);
  const now = Date.now();
  return {
    refreshToken,
    accessToken,
    accessIssuedAt: now,
    accessExpiresAt: now + tokens.expiresIn * 1e3,
    userId,
    deviceId,
    ...signalDeviceId !== void 0 && { signalDeviceId },
    ...jkt !== void 0 && { jkt }
  };
}

// clients/typescript/src/client.ts
var DEFAULT_TIMEOUT = 2e4;
function createClient(options) {
  return new Client(options);
}
var Client = class {
  /** Every operation but the refresh, by its id: `api.list_devices()`. */
  api;
  #options;
  #keeper;
  #signer;
  /** Whether a log-out is under way: what other calls are refused meanwhile is no news. */
  #isLeaving = false;
  constructor(options) {
    this.#options = { ...options, baseUrl: options.baseUrl.replace(/\/+$/, "") };
    const { storage: storage2, dpop, storageKey = "auth", locks = defaultLocks(storage2) } = options;
    const keys = dpop === true ? indexedDbKeys(`${this.#options.baseUrl} ${storageKey}`) : dpop;
    this.#signer = keys ? new DpopSigner(keys) : void 0;
    const store = new RecordStore(storage2, storageKey);
    this.#keeper = new SessionKeeper(store, locks, (session) => this.#exchange(session));
    this.#keeper.followOtherTabs();
    const calls = Object.entries(OPERATIONS).map(([id, { method, path, bearer, body }]) => {
      const call = (args = {}) => this.request(method, path, { ...args, bearer, body: body ? args.body ?? {} : void 0 });
      return [id, call];
    });
    this.api = Object.fromEntries(calls);
  }
  // ── The session ─────────────────────────────────────────────────────────────────────────────
  /** The session that all tabs share; `undefined` if nobody is signed in. */
  async session() {
    return (await this.#keeper.read()).session;
  }
  /** The stable id of this installation: `deviceId` and `installationId` in requests. */
  installationId() {
    return this.#keeper.installationId();
  }
  /** Calls the listener when somebody signs in or out or the tokens change, in any tab. */
  subscribe(listener2) {
    return this.#keeper.subscribe(listener2);
  }
  /** An access token that is good for half a minute or more, for requests to other services. */
  async accessToken() {
    return (await this.#keeper.usable()).accessToken;
  }
  /** Gets new tokens now, unless another tab is just doing so. Rarely needed: calls do it. */
  async refresh() {
    const { refreshToken } = await this.#keeper.current();
    return this.#keeper.refresh(refreshToken);
  }
  /** Sends a code to a number. `resend_verification` sends another. */
  async sendCode(purpose, body) {
    const request = { body: { ...await this.#knownDevice(), ...body } };
    return purpose === "register" ? this.api.start_registration_verification(request) : this.api.start_login_verification(request);
  }
  /** Confirms the code. Tells whether the account asks for a second factor. */
  async confirmCode(purpose, body) {
    const request = { body: { installationId: await this.#keeper.installationId(), ...body } };
    if (purpose === "login") return this.api.confirm_login_verification(request);
    await this.api.confirm_registration_verification(request);
    return { requires2FA: false };
  }
  /** Makes the account of a confirmed number, and signs in. */
  async register(body) {
    const installationId = await this.#keeper.installationId();
    return this.signIn(await this.api.register_user({ body: { installationId, ...body } }));
  }
  /** Logs in to the account of a confirmed number. */
  async logIn(body) {
    const device = await this.#knownDevice();
    return this.signIn(await this.api.login_user({ body: { ...device, ...body } }));
  }
  /** Takes over the tokens of an answer: `register` and `logIn` do; a log-in by QR code needs it. */
  signIn(tokens) {
    return this.#keeper.signIn(tokens);
  }
  /** Logs this device out. Without an answer it stays logged in, and the error says so. */
  async logOut() {
    await this.#endBy(() => this.api.logout_session());
  }
  /** Logs out every device of the account. */
  async logOutAll() {
    await this.#endBy(() => this.api.logout_all_sessions());
  }
  /** Forgets the session here, without telling the service. */
  async forget() {
    const session = await this.session();
    if (session) await this.#keeper.drop(session.refreshToken, "logged_out");
  }
  async #endBy(call) {
    this.#isLeaving = true;
    try {
      await call();
      await this.forget();
    } catch (error) {
      if (!(error instanceof SignedOutError) && !isProblem(error, "session_ended")) throw error;
    } finally {
      this.#isLeaving = false;
    }
  }
  /** What shows that this device was here before: it then has limits apart from strangers'. */
  async #knownDevice() {
    const installationId = await this.#keeper.installationId();
    const { session, previousToken } = await this.#keeper.read();
    const token = session?.refreshToken ?? previousToken;
    return { installationId, ...token !== void 0 && { previousToken: token } };
  }
  // ── Requests ────────────────────────────────────────────────────────────────────────────────
  /** Sends a request; gives the JSON of the answer, or throws the refusal. */
  async request(method, path, args = {}) {
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
        if (!await this.#keeper.drop(ended.refreshToken, reason)) {
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
  async #exchange(session) {
    const { method, path } = OPERATIONS.refresh_tokens;
    if (session.jkt !== void 0 && session.jkt !== await this.#signer?.thumbprint()) {
      await this.#keeper.drop(session.refreshToken, "key_lost");
      throw new SignedOutError("key_lost");
    }
    const body = { refreshToken: session.refreshToken };
    const tokens = await read(await this.#send(method, this.#url(path), body));
    const isOurs = [tokens?.refreshToken, tokens?.accessToken].every((token) => typeof token === "string");
    if (!isOurs) throw new NetworkError("an answer without tokens");
    return tokens;
  }
  #url(path, { path: values = {}, query = {} } = {}) {
    const filled = path.replace(/\{(\w+)\}/g, (_, name) => {
      const value = values[name];
      if (value === void 0) throw new TypeError(`${path} needs ${name}`);
      return encodeURIComponent(value);
    });
    const given = Object.entries(query).filter(([, value]) => value !== void 0 && value !== null);
    const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
    return this.#options.baseUrl + filled + (given.length > 0 ? `?${search}` : "");
  }
  async #send(method, url, body, signal, session) {
    for (let tries = 0; ; tries++) {
      const headers = { accept: "application/json" };
      if (body !== void 0) headers["content-type"] = "application/json";
      const isBound = session?.jkt !== void 0;
      if (session) headers["authorization"] = `${isBound ? "DPoP" : "Bearer"} ${session.accessToken}`;
      if (this.#signer && (isBound || !session)) {
        const accessToken = session?.accessToken;
        headers["dpop"] = await this.#signer.proof({ method, url: this.#absolute(url), accessToken });
      }
      const response = await this.#fetch(url, {
        method,
        headers,
        ...body !== void 0 && { body: JSON.stringify(body) },
        ...signal && { signal }
      });
      const isLate = response.status === 401 && this.#signer?.learnClock(response) === true;
      if (!isLate || tries > 0 || (await problemOf(response.clone())).code !== "dpop_proof_invalid") {
        return response;
      }
    }
  }
  /** `baseUrl` may be empty on a page of the service itself. */
  #absolute(url) {
    return new URL(url, globalThis.location?.href).href;
  }
  async #fetch(url, init) {
    const { timeout = DEFAULT_TIMEOUT, fetch: ownFetch } = this.#options;
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(new Error("time-out")), timeout);
    const asked3 = init.signal;
    const end = () => controller.abort(asked3?.reason);
    if (asked3?.aborted) end();
    asked3?.addEventListener("abort", end);
    const { signal } = controller;
    try {
      const response = await (ownFetch ?? fetch)(url, { ...init, signal, credentials: "omit", cache: "no-store" });
      const body = [204, 205, 304].includes(response.status) ? null : await response.arrayBuffer();
      const { status, statusText, headers } = response;
      return new Response(body, { status, statusText, headers });
    } catch (error) {
      if (asked3?.aborted) throw error;
      throw new NetworkError(error);
    } finally {
      clearTimeout(timer);
      asked3?.removeEventListener("abort", end);
    }
  }
};
async function read(response) {
  if (!response.ok) throw await problemOf(response);
  const text = await response.text();
  if (text === "") return void 0;
  if (!/json/.test(response.headers.get("content-type") ?? "")) return text;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new NetworkError(error);
  }
}

// clients/dev-page/src/dom.ts
function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`page.html has no #${id}`);
  return element;
}
var input = (id) => byId(id);
var button = (id) => byId(id);
var form = (id) => byId(id);
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== void 0 && value !== false) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child !== void 0));
  return element;
}
function show(element, visible) {
  element.hidden = !visible;
}
function tell(resultId, text, kind = "plain") {
  const element = byId(resultId);
  element.dataset["kind"] = kind;
  element.textContent = text;
}
function describe(error) {
  if (error instanceof ProblemError) {
    const fields = error.problem.errors?.map(({ field, detail }) => `${field}: ${detail}`) ?? [];
    const wait = error.retryAfter === void 0 ? [] : [`Wait ${error.retryAfter} s.`];
    return [`${error.detail} (${error.code})`, ...fields, ...wait].join(" ");
  }
  if (error instanceof NetworkError) return "The service does not answer.";
  if (error instanceof SignedOutError) return `Signed out (${error.reason}).`;
  return String(error);
}
var Cancelled = class extends Error {
};
async function run(resultId, work, ...buttons) {
  for (const each of buttons) each.disabled = true;
  tell(resultId, "");
  try {
    const text = await work();
    if (text) tell(resultId, text, "good");
  } catch (error) {
    if (error instanceof Cancelled) tell(resultId, "Cancelled.");
    else tell(resultId, describe(error), "bad");
  } finally {
    for (const each of buttons) each.disabled = false;
  }
}
function onClick(id, resultId, work) {
  const element = button(id);
  element.addEventListener("click", () => void run(resultId, work, element));
}
function onSubmit(id, resultId, work) {
  const element = form(id);
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    const pressed = event.submitter;
    const buttons = [...element.querySelectorAll("button")];
    void run(resultId, () => work(pressed?.value ?? ""), ...buttons);
  });
}
function when(time) {
  return new Date(time).toLocaleString(void 0, { dateStyle: "medium", timeStyle: "medium" });
}
function facts(id, rows) {
  const shown2 = Object.entries(rows).filter(([, value]) => value !== void 0);
  byId(id).replaceChildren(
    ...shown2.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])
  );
}

// clients/dev-page/src/inbox.ts
var OFTEN = 2e3;
var SELDOM = 15e3;
var EXPECTED_FOR = 1e4;
var SHOWN = 12;
var shown = "";
var often;
var look = () => {
};
function expectMessage() {
  clearInterval(often);
  const timer = window.setInterval(() => look(), OFTEN);
  often = timer;
  setTimeout(() => clearInterval(timer), EXPECTED_FOR);
  look();
}
async function messages() {
  const response = await fetch("/dev/inbox", { headers: { accept: "application/json" } });
  if (!response.ok) return [];
  return await response.json();
}
var digits = (number) => number.replace(/\D/g, "");
async function newestCode(to) {
  const all = await messages();
  const found = all.find((message) => to === void 0 || digits(message.to) === digits(to));
  if (!found) throw new Error("There is no message to this number yet.");
  return found.code;
}
function startInbox(use2) {
  const refresh = async () => {
    if (document.hidden) return;
    const all = (await messages()).slice(0, SHOWN);
    const state = JSON.stringify(all);
    if (state === shown) return;
    shown = state;
    show(byId("inbox-empty"), all.length === 0);
    byId("messages").replaceChildren(...all.map((message) => entry(message, use2)));
  };
  look = () => void refresh().catch(() => void 0);
  setInterval(look, SELDOM);
  document.addEventListener("visibilitychange", look);
  addEventListener("focus", look);
  look();
}
function entry({ to, code, body, at }, use2) {
  const button2 = make("button", { type: "button", class: "small", "aria-label": `Use code ${code}` }, "Use");
  button2.addEventListener("click", () => use2(code));
  return make(
    "li",
    {},
    make(
      "div",
      { class: "item" },
      make("div", {}, make("span", { class: "message-code" }, code), make("div", { class: "meta" }, `${to}, ${new Date(at).toLocaleTimeString()}`)),
      button2
    ),
    make("div", { class: "hint" }, body)
  );
}

// clients/dev-page/src/log.ts
var MAX_ENTRIES = 60;
var LONG_DATA = /data:[\w/+;,-]{20}[\w+/=]*/g;
var TOKEN = /eyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g;
function shorten(text) {
  return text.replace(TOKEN, (token) => `${token.slice(0, 10)}…${token.slice(-6)}`).replace(LONG_DATA, (data) => `${data.slice(0, 22)}… (${data.length} characters)`);
}
function pretty(text) {
  try {
    return shorten(JSON.stringify(JSON.parse(text), void 0, 2));
  } catch {
    return shorten(text);
  }
}
function block(title, text) {
  return make("pre", {}, `${title}

${text}`.trimEnd());
}
var loggedFetch = async (url, init) => {
  const method = init?.method ?? "GET";
  const { pathname, search } = new URL(String(url), location.href);
  const began = performance.now();
  const headers = new Headers(init?.headers);
  const sent = [`${method} ${pathname}${search}`];
  headers.forEach((value, name) => sent.push(`${name}: ${shorten(value)}`));
  const route = `${method} ${pathname.replace(/^\/auth\/v1/, "")}`;
  const status = make("span", { class: "status" }, "…");
  const duration = make("span", { class: "meta" });
  const answer = block("", "No answer yet.");
  const entry3 = make(
    "li",
    {},
    make(
      "details",
      {},
      make("summary", {}, status, make("span", { class: "path" }, route), duration),
      block(sent.join("\n"), pretty(String(init?.body ?? ""))),
      answer
    )
  );
  const log = byId("log");
  log.prepend(entry3);
  while (log.children.length > MAX_ENTRIES) log.lastElementChild?.remove();
  show(byId("log-empty"), false);
  try {
    const response = await fetch(url, init);
    const text = await response.clone().text();
    status.textContent = String(response.status);
    status.classList.add(response.ok ? "good" : "bad");
    const got = [`${response.status} ${response.statusText}`];
    for (const name of ["content-type", "retry-after", "ratelimit-remaining", "x-request-id"]) {
      const value = response.headers.get(name);
      if (value) got.push(`${name}: ${value}`);
    }
    answer.replaceWith(block(got.join("\n"), pretty(text)));
    return response;
  } catch (error) {
    status.textContent = "failed";
    status.classList.add("bad");
    answer.replaceWith(block("", String(error)));
    throw error;
  } finally {
    duration.textContent = `${Math.round(performance.now() - began)} ms`;
  }
};
function startLog() {
  byId("log-clear").addEventListener("click", () => {
    byId("log").replaceChildren();
    show(byId("log-empty"), true);
  });
}

// clients/dev-page/src/service.ts
var asked = new URLSearchParams(location.search).get("device") ?? "1";
var DEVICE = /^[1-9]$/.test(asked) ? asked : "1";
var STORAGE_KEY = `auth.device-${DEVICE}`;
var memory = {
  get: (name) => localStorage.getItem(`${STORAGE_KEY}.${name}`) ?? void 0,
  set: (name, value) => localStorage.setItem(`${STORAGE_KEY}.${name}`, value)
};
var storage = indexedDbStorage();
var client = newClient();
var listener = () => {
};
var unsubscribe = client.subscribe((event) => listener(event));
function newClient() {
  return createClient({
    baseUrl: location.origin,
    storage,
    fetch: async (url, init) => {
      const response = await loggedFetch(url, init);
      if (response.ok && init?.method !== "GET") expectMessage();
      return response;
    },
    storageKey: STORAGE_KEY,
    dpop: memory.get("dpop") === "on"
  });
}
function onSession(listen) {
  listener = listen;
}
function bindTokens(on) {
  if (on === (memory.get("dpop") === "on")) return;
  memory.set("dpop", on ? "on" : "off");
  unsubscribe();
  client = newClient();
  unsubscribe = client.subscribe((event) => listener(event));
}
function send(method, path, args = {}) {
  return client.request(method, `/auth/v1${path}`, args);
}
var NEEDS = {
  challenge: ["/qr-code/scan", "/qr-code/challenge/{}/approve"],
  link: ["/qr-code/link", "/qr-code/link/{}/approve"],
  lock: ["/account/registration-lock"],
  account: ["/account"],
  "change-phone": ["/verify/change-phone/request", "/account/phone-number"],
  export: ["/account/export"]
};
async function offeredParts() {
  const response = await fetch("/auth/swagger-json");
  const { paths } = await response.json();
  const routes = new Set(Object.keys(paths).map((path) => path.replace(/\{\w+\}/g, "{}")));
  const has = (route) => routes.has(`/auth/v1${route}`);
  const parts = new Set(Object.keys(NEEDS).filter((part) => NEEDS[part].every(has)));
  if (parts.has("challenge") || parts.has("link")) parts.add("qr");
  return parts;
}

// clients/dev-page/src/authenticator.ts
var STEP = 30;
var ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
var KEY = "auth.authenticator";
function secrets() {
  return JSON.parse(localStorage.getItem(KEY) ?? "{}");
}
function account() {
  return memory.get("account") ?? "";
}
function keepSecret(secret2) {
  const all = { ...secrets(), [account()]: { secret: secret2, lastStep: 0 } };
  localStorage.setItem(KEY, JSON.stringify(all));
}
function hasSecret() {
  return account() in secrets();
}
async function nextCode() {
  const all = secrets();
  const entry3 = all[account()];
  if (!entry3) throw new Error("This page does not know the secret: take your app.");
  const now = Math.floor(Date.now() / 1e3 / STEP);
  const step = Math.max(entry3.lastStep + 1, now);
  if (step > now + 1) throw new Error("All codes of this minute are used. Wait for the next.");
  entry3.lastStep = step;
  localStorage.setItem(KEY, JSON.stringify(all));
  return codeAt(entry3.secret, step);
}
async function codeAt(secret2, step) {
  const algorithm = { name: "HMAC", hash: "SHA-1" };
  const key = await crypto.subtle.importKey("raw", decode(secret2), algorithm, false, ["sign"]);
  const counter = new DataView(new ArrayBuffer(8));
  counter.setBigUint64(0, BigInt(step));
  const mac = new DataView(await crypto.subtle.sign("HMAC", key, counter.buffer));
  const offset = mac.getUint8(19) & 15;
  const number = (mac.getUint32(offset) & 2147483647) % 1e6;
  return String(number).padStart(6, "0");
}
function decode(base32) {
  const bits = [...base32.replace(/[\s=]/g, "").toUpperCase()].map((letter) => ALPHABET.indexOf(letter).toString(2).padStart(5, "0")).join("");
  return Uint8Array.from(bits.match(/.{8}/g) ?? [], (byte) => Number.parseInt(byte, 2));
}

// clients/dev-page/src/proof.ts
var FRESH = 100;
async function withProof(change) {
  const proof = {};
  for (; ; ) {
    try {
      return await change(proof);
    } catch (error) {
      if (isProblem(error, "two_factor_required", "two_factor_invalid")) {
        const text = isProblem(error, "two_factor_invalid") ? error.detail : "This asks for the second factor.";
        proof.twoFactorToken = await askForFactor(text);
      } else if (isProblem(error, "fresh_proof_required") && !proof.proofVerificationId) {
        proof.proofVerificationId = await proveNumber();
      } else {
        throw error;
      }
    }
  }
}
function askForFactor(text) {
  return ask({
    title: "Second factor",
    text,
    label: "Code of the app, or a backup code",
    fill: hasSecret() ? nextCode : void 0
  });
}
async function proveNumber() {
  const isKnown = memory.get("phone") === memory.get("shown");
  const phoneNumber = (isKnown ? memory.get("phone") : void 0) ?? await ask({ title: "Number of the account", text: "It is proved by a code.", label: "Phone number" });
  const body = { phoneNumber };
  const { verificationId } = await client.api.start_login_verification({ body });
  const code = await ask({
    title: "Prove the number",
    text: `The log-in is some time ago. A code was sent to ${phoneNumber}.`,
    label: "Code",
    fill: () => newestCode(phoneNumber)
  });
  await client.api.confirm_login_verification({ body: { verificationId, code } });
  return verificationId;
}
function ask({ title, text, label, value: before = "", fill: fill2 }) {
  const dialog = byId("ask");
  byId("ask-title").textContent = title;
  byId("ask-text").textContent = text;
  byId("ask-label").textContent = label;
  const value = input("ask-value");
  value.value = before;
  const filler = button("ask-fill");
  show(filler, fill2 !== void 0);
  filler.onclick = () => {
    fill2?.().then(
      (code) => value.value = code,
      (error) => byId("ask-text").textContent = error.message
    );
  };
  dialog.returnValue = "";
  dialog.showModal();
  value.select();
  return new Promise((resolve, reject) => {
    dialog.onclose = () => {
      const given = value.value.trim();
      if (dialog.returnValue === "ok" && given) resolve(given);
      else reject(new Cancelled());
    };
  });
}
function confirmed(text) {
  if (!window.confirm(text)) throw new Cancelled();
}

// clients/dev-page/src/account.ts
var RESULT = "account-result";
var newNumber;
function startAccount() {
  onClick("account-reload", RESULT, loadAccount);
  onClick("account-export", RESULT, exportData);
  onClick("account-delete", RESULT, deleteAccount);
  onSubmit("number-form", RESULT, changeNumber);
  onClick("lock-set", "lock-result", setLock);
  onClick("lock-remove", "lock-result", removeLock);
}
async function loadAccount() {
  const account2 = await send("GET", "/account", { bearer: true });
  const names = {
    phoneNumber: "Number",
    createdAt: "Since",
    twoFactorEnabled: "Second factor",
    registrationLock: "Registration lock",
    deviceCount: "Devices"
  };
  const value = (field) => {
    const given = account2[field];
    if (typeof given === "boolean") return given ? "on" : "off";
    return field === "createdAt" ? when(given) : String(given);
  };
  const rows = Object.entries(names).filter(([field]) => account2[field] !== void 0);
  facts("account-facts", Object.fromEntries(rows.map(([field, name]) => [name, value(field)])));
}
async function exportData() {
  const data = await send("GET", "/account/export", { bearer: true, maxTokenAge: FRESH });
  byId("account-data").textContent = JSON.stringify(data, void 0, 2);
  show(byId("account-data"), true);
  return "All data of the account:";
}
async function deleteAccount() {
  confirmed("Delete the account and all its data? This cannot be undone.");
  await withProof((body) => send("DELETE", "/account", { bearer: true, body, maxTokenAge: FRESH }));
  await client.forget();
}
async function changeNumber() {
  const deviceId = await client.installationId();
  if (!newNumber) {
    const phoneNumber2 = input("new-number").value;
    const body = { phoneNumber: phoneNumber2, deviceId };
    const { verificationId: verificationId2 } = await send("POST", "/verify/change-phone/request", { bearer: true, body });
    newNumber = { verificationId: verificationId2, phoneNumber: phoneNumber2 };
    show(byId("number-code-field"), true);
    input("number-code").value = await newestCode(phoneNumber2).catch(() => "");
    input("number-code").focus();
    byId("number-button").textContent = "Change the number";
    return "A code was sent to the new number.";
  }
  const { verificationId, phoneNumber } = newNumber;
  const code = input("number-code").value.trim();
  const confirmation = { verificationId, code, deviceId };
  await send("POST", "/verify/change-phone/confirm", { bearer: true, body: confirmation });
  await withProof((proof) => {
    const body = { verificationId, ...proof };
    return send("PUT", "/account/phone-number", { bearer: true, body, maxTokenAge: FRESH });
  });
  newNumber = void 0;
  memory.set("phone", phoneNumber);
  memory.set("shown", phoneNumber);
  form("number-form").reset();
  show(byId("number-code-field"), false);
  byId("number-button").textContent = "Send a code to the new number";
  await loadAccount();
  return "The account has the new number.";
}
async function setLock() {
  const { recoveryCode } = await withProof(
    (body) => send("PUT", "/account/registration-lock", { bearer: true, body, maxTokenAge: FRESH })
  );
  byId("lock-code").querySelector("output").textContent = recoveryCode;
  show(byId("lock-code"), true);
  return "The lock is set.";
}
async function removeLock() {
  await withProof(
    (body) => send("DELETE", "/account/registration-lock", { bearer: true, body, maxTokenAge: FRESH })
  );
  show(byId("lock-code"), false);
  return "The lock is removed.";
}

// clients/dev-page/src/devices.ts
var RESULT2 = "devices-result";
function startDevices() {
  onClick("devices-reload", RESULT2, loadDevices);
}
async function loadDevices() {
  const devices = await client.api.list_devices();
  byId("devices").replaceChildren(...devices.map(entry2));
}
function entry2(device) {
  const badge = (text, kind = "") => make("span", { class: `badge ${kind}` }, text);
  const { id, deviceName, deviceType, lastActive } = device;
  const actions = make("div", { class: "actions" });
  const action = (label, kind, work) => {
    const name = `${label} ${deviceName}`;
    const button2 = make("button", { type: "button", class: `small ${kind}`, "aria-label": name }, label);
    button2.addEventListener("click", () => void run(RESULT2, work, button2));
    actions.append(button2);
  };
  action("Rename", "", () => rename(device));
  if (!device.isCurrent && device.isActive) action("Log out", "", () => logOut(id));
  if (!device.isCurrent) action("Remove", "danger", () => remove(device));
  return make(
    "li",
    { class: "item", "data-device": id },
    make(
      "div",
      {},
      make(
        "div",
        { class: "title" },
        make("span", { class: "name" }, deviceName),
        device.isCurrent ? badge("this device", "good") : void 0,
        badge(device.isVerified ? "verified" : "not verified"),
        device.isActive ? void 0 : badge("logged out")
      ),
      make("div", { class: "meta" }, `${deviceType}, active ${when(lastActive)}`)
    ),
    actions
  );
}
async function rename({ id, deviceName }) {
  const text = "The name is shown to all devices of the account.";
  const title = "Rename the device";
  const name = await ask({ title, text, label: "New name", value: deviceName });
  await client.api.update_device({ path: { deviceId: id }, body: { deviceName: name } });
  await loadDevices();
  return "Renamed.";
}
async function logOut(deviceId) {
  await client.api.logout_session({ body: { deviceId } });
  await loadDevices();
  return "Its session has ended.";
}
async function remove({ id, deviceName }) {
  confirmed(`Remove ${deviceName}? Its session ends and its keys are deleted.`);
  const path = { deviceId: id };
  await withProof((body) => client.api.remove_device({ path, body, maxTokenAge: FRESH }));
  await loadDevices();
  return "Removed.";
}

// clients/dev-page/src/history.ts
var SHOWN2 = 8;
function startHistory() {
  onClick("history-reload", "history-result", loadHistory);
}
async function loadHistory() {
  const [logIns, events] = await Promise.all([
    client.api.list_log_ins(),
    client.api.list_security_events()
  ]);
  fill(
    "log-ins",
    logIns.entries.map((entry3) => [entry3.deviceName ?? "A removed device", entry3.status, entry3])
  );
  fill(
    "security-events",
    events.entries.map((entry3) => [entry3.event.replaceAll("_", " "), void 0, entry3])
  );
}
function fill(id, entries) {
  byId(id).replaceChildren(
    ...entries.slice(0, SHOWN2).map(([title, status, { createdAt, ipAddress }]) => {
      const meta = [when(createdAt), ipAddress, status].filter(Boolean).join(", ");
      return make("li", {}, make("div", {}, title), make("div", { class: "meta" }, meta));
    })
  );
}

// clients/dev-page/src/qr.ts
var POLL_EVERY = 1500;
var running = /* @__PURE__ */ new Map();
function startQr() {
  onClick("link-start", "link-result", showLink);
  onSubmit("scan-form", "scan-result", scan);
  onClick("challenge-start", "challenge-result", showChallenge);
  onSubmit("challenge-form", "challenge-result", () => answerChallenge("approve"));
  onClick("challenge-deny", "challenge-result", () => answerChallenge("deny"));
  onSubmit("approve-form", "approve-result", lookAtLink);
  onSubmit("approve-confirm-form", "approve-result", () => answerLink("approve"));
  onClick("approve-deny", "approve-result", () => answerLink("deny"));
  document.querySelectorAll("[data-copy]").forEach((button2) => {
    button2.addEventListener("click", () => {
      const field = input(button2.dataset["copy"]);
      field.select();
      void navigator.clipboard.writeText(field.value).then(() => button2.textContent = "Copied");
    });
  });
}
function resetQr() {
  for (const controller of running.values()) controller.abort();
  running.clear();
  for (const id of ["link-shown", "scan-shown", "challenge-shown", "challenge-form", "approve-confirm-form"]) {
    show(byId(id), false);
  }
  for (const id of ["scan-form", "challenge-form", "approve-form", "approve-confirm-form"]) form(id).reset();
  for (const id of ["link-result", "scan-result", "challenge-result", "approve-result"]) tell(id, "");
}
async function newDevice() {
  return {
    deviceId: await client.installationId(),
    deviceName: `Browser window ${DEVICE}`,
    deviceType: "web"
  };
}
function poll(resultId, text, step) {
  running.get(resultId)?.abort();
  const controller = new AbortController();
  running.set(resultId, controller);
  const { signal } = controller;
  void run(resultId, async () => {
    tell(resultId, text);
    while (!signal.aborted && !await step(signal)) {
      await new Promise((resolve) => setTimeout(resolve, POLL_EVERY));
    }
  });
}
function awaitTokens(resultId, path, body) {
  poll(resultId, "Waiting for the other device …", async (signal) => {
    const answer = await send("POST", path, { body, signal });
    if (!answer?.accessToken) return false;
    memory.set("shown", answer.phoneNumber ?? "");
    await client.signIn(answer);
    return true;
  });
}
async function showLink() {
  const link = await send("POST", "/qr-code/link", { body: await newDevice() });
  const { linkId: linkId2, linkSecret, confirmCode, qr, qrPng } = link;
  input("link-text").value = qr ?? "";
  byId("link-confirm").textContent = confirmCode ?? "";
  const image = byId("link-image");
  image.src = qrPng ?? "";
  show(image, qrPng !== void 0);
  show(byId("link-shown"), true);
  awaitTokens("link-result", `/qr-code/link/${linkId2}`, { linkSecret });
}
async function scan() {
  const challenge = input("scan-challenge").value.trim();
  const authenticatedDeviceId = challenge.split(".")[1] ?? "";
  const body = { challenge, authenticatedDeviceId, ...await newDevice() };
  const answer = await send("POST", "/qr-code/scan", { body });
  const { scanId, scanSecret, confirmCode } = answer;
  byId("scan-confirm").textContent = confirmCode ?? "";
  show(byId("scan-shown"), true);
  awaitTokens("scan-result", `/qr-code/scan/${scanId}`, { scanSecret });
}
var challengeId = "";
var linkId = "";
function who({ device }) {
  if (!device) return "nobody yet";
  return [device.deviceName, device.deviceType, device.network].filter(Boolean).join(", ");
}
async function showChallenge() {
  const path = { id: (await client.session()).deviceId };
  const challenge = await send("POST", "/qr-code/challenge/{id}", { path, bearer: true });
  challengeId = challenge.split(".")[0];
  input("challenge-text").value = challenge;
  show(byId("challenge-shown"), true);
  show(byId("challenge-form"), false);
  poll("challenge-result", "Waiting for a device to scan it …", async (signal) => {
    const shown2 = { path: { id: challengeId }, bearer: true, signal };
    const login = await send("GET", "/qr-code/challenge/{id}", shown2);
    if (login.status === "waiting") return false;
    byId("challenge-who").textContent = `Scanned by: ${who(login)}.`;
    show(byId("challenge-form"), login.status === "scanned");
    input("challenge-confirm").focus();
    return true;
  });
}
async function answerChallenge(answer) {
  const confirmCode = input("challenge-confirm").value.trim();
  const text = await answerBy(`/qr-code/challenge/${encodeURIComponent(challengeId)}`, answer, confirmCode);
  show(byId("challenge-shown"), false);
  show(byId("challenge-form"), false);
  form("challenge-form").reset();
  return text;
}
async function lookAtLink() {
  const text = input("approve-link").value.trim();
  linkId = new URLSearchParams(text.split("?")[1] ?? "").get("id") ?? text;
  const login = await send("GET", "/qr-code/link/{id}", { path: { id: linkId }, bearer: true });
  byId("approve-who").textContent = `Shown by: ${who(login)}.`;
  show(byId("approve-confirm-form"), true);
  input("approve-confirm").focus();
}
async function answerLink(answer) {
  const confirmCode = input("approve-confirm").value.trim();
  const text = await answerBy(`/qr-code/link/${encodeURIComponent(linkId)}`, answer, confirmCode);
  show(byId("approve-confirm-form"), false);
  for (const id of ["approve-form", "approve-confirm-form"]) form(id).reset();
  return text;
}
async function answerBy(path, answer, confirmCode) {
  if (answer === "deny") {
    await send("POST", `${path}/deny`, { bearer: true, body: {} });
    return "Denied.";
  }
  await withProof((proof) => {
    const body = { confirmCode, ...proof };
    return send("POST", `${path}/approve`, { bearer: true, body, maxTokenAge: FRESH });
  });
  return "Approved. The other device logs in now.";
}

// clients/dev-page/src/second-factor.ts
var RESULT3 = "factor-result";
var secret = "";
function startSecondFactor() {
  onClick("factor-setup", RESULT3, setUp);
  onSubmit("factor-enable-form", RESULT3, enable);
  onSubmit("factor-form", RESULT3, use);
  document.querySelectorAll("[data-fill]").forEach((button2) => {
    const fill2 = async () => {
      if (button2.dataset["fill"] === "factor-enable") keepSecretOnce();
      input(button2.dataset["fill"]).value = await nextCode();
    };
    button2.addEventListener("click", () => void run(RESULT3, fill2, button2));
  });
}
function keepSecretOnce() {
  if (secret) keepSecret(secret);
  secret = "";
}
async function loadSecondFactor() {
  const { enabled } = await client.api.fetch_second_factor_status();
  show(byId("factor-off"), !enabled);
  show(byId("factor-form"), enabled);
  show(byId("factor-setting-up"), false);
  if (!enabled) {
    byId("factor-state").textContent = "Off. A log-in needs a code by SMS alone.";
    show(byId("backup-codes"), false);
    return;
  }
  const { remaining } = await client.api.count_backup_codes();
  byId("factor-state").textContent = `On. ${remaining} backup codes are left.`;
}
async function setUp() {
  const setup = await withProof((body) => client.api.set_up_second_factor({ body, maxTokenAge: FRESH }));
  secret = setup.secret;
  byId("factor-image").src = setup.qrCodeUrl;
  byId("factor-secret").textContent = setup.secret.replace(/(.{4})(?=.)/g, "$1 ");
  show(byId("factor-setting-up"), true);
  input("factor-enable").value = "";
  input("factor-enable").focus();
}
async function enable() {
  const token = input("factor-enable").value.trim();
  const { backupCodes } = await withProof(
    (proof) => client.api.enable_second_factor({ body: { ...proof, token }, maxTokenAge: FRESH })
  );
  await loadSecondFactor();
  showBackupCodes(backupCodes);
  await loadHistory();
  return "Enabled. All other sessions have ended.";
}
async function use(action) {
  const token = input("factor-token").value.trim();
  input("factor-token").value = "";
  if (action === "regenerate") {
    const { backupCodes } = await client.api.regenerate_backup_codes({ body: { token } });
    await loadSecondFactor();
    showBackupCodes(backupCodes);
    return "The backup codes before are no longer good.";
  }
  if (action === "disable") {
    await withProof(
      (proof) => client.api.disable_second_factor({ body: { ...proof, token }, maxTokenAge: FRESH })
    );
    await loadSecondFactor();
    await loadHistory();
    return "Disabled. All other sessions have ended.";
  }
  const { valid } = await client.api.verify_second_factor({ body: { token } });
  await loadSecondFactor();
  if (!valid) throw new Error("This code is wrong or was used.");
  return "Right. This session needs no further code for 10 minutes.";
}
function showBackupCodes(codes) {
  const list = byId("backup-codes").querySelector("ul");
  list.replaceChildren(...codes.map((code) => make("li", {}, code)));
  show(byId("backup-codes"), true);
}

// clients/dev-page/src/session.ts
var RESULT4 = "session-result";
function startSession() {
  onClick("refresh", RESULT4, async () => {
    await client.refresh();
    return "New tokens. The refresh token before is spent.";
  });
  onClick("ws-token", RESULT4, async () => {
    const { expiresIn } = await client.api.issue_ws_token();
    return `A token for ${expiresIn} seconds: see Requests.`;
  });
  onClick("log-out", RESULT4, () => client.logOut());
  onClick("log-out-all", RESULT4, () => client.logOutAll());
}
function showSession(session) {
  const mono = (text) => make("span", { class: "mono" }, text);
  facts("session-facts", {
    User: mono(session.userId),
    Device: mono(session.deviceId),
    "Access token": mono(shorten(session.accessToken)),
    "Good until": when(session.accessExpiresAt),
    "Refresh token": mono(shorten(session.refreshToken)),
    "Bound to key": session.jkt === void 0 ? "no" : mono(session.jkt)
  });
}

// clients/dev-page/src/sign-in.ts
var RESULT5 = "sign-in-result";
var attempt;
var resendTimer;
function startSignIn() {
  onSubmit("phone-form", RESULT5, () => sendCode(purposeChosen()));
  onSubmit("code-form", RESULT5, confirm);
  onSubmit("finish-form", RESULT5, finish);
  onClick("use-newest", RESULT5, async () => {
    input("code").value = await newestCode(attempt?.phoneNumber);
  });
  onClick("resend", RESULT5, resend);
  onClick("quick", RESULT5, quick);
  onClick("factor-fill", RESULT5, async () => {
    input("factor").value = await nextCode();
  });
  for (const id of ["restart", "restart-2"]) byId(id).addEventListener("click", restart);
  input("dpop").checked = memory.get("dpop") === "on";
  input("phone").value = memory.get("phone") ?? input("phone").value;
}
function takeCode(code) {
  if (attempt && !attempt.confirmed) input("code").value = code;
  else void navigator.clipboard.writeText(code).catch(() => void 0);
}
function purposeChosen() {
  return form("phone-form").querySelector("[name=purpose]:checked").value;
}
function restart() {
  attempt = void 0;
  clearInterval(resendTimer);
  for (const id of ["code-form", "finish-form"]) {
    form(id).reset();
    show(form(id), false);
  }
  document.querySelectorAll("#finish-form [data-field]").forEach((field) => show(field, false));
  show(form("phone-form"), true);
  tell(RESULT5, "");
}
async function sendCode(purpose) {
  bindTokens(input("dpop").checked);
  const phoneNumber = input("phone").value;
  const started = await client.sendCode(purpose, { phoneNumber });
  memory.set("phone", phoneNumber);
  memory.set("shown", phoneNumber);
  memory.set("account", phoneNumber.replace(/\D/g, ""));
  attempt = { purpose, phoneNumber, verificationId: started.verificationId, confirmed: false };
  show(form("phone-form"), false);
  show(form("code-form"), true);
  describeCode(started);
  input("code").focus();
}
function describeCode({ codeLength, expiresIn, resendIn, attemptsLeft }) {
  const minutes = Math.round(expiresIn / 60);
  byId("code-sent").textContent = `A code of ${codeLength} digits was sent to ${attempt?.phoneNumber}. It is good for ${minutes} minutes and ${attemptsLeft} tries.`;
  const resend2 = byId("resend");
  const at = Date.now() + resendIn * 1e3;
  clearInterval(resendTimer);
  const count = () => {
    const left = Math.ceil((at - Date.now()) / 1e3);
    resend2.disabled = left > 0;
    resend2.textContent = left > 0 ? `Send another code (${left} s)` : "Send another code";
    if (left <= 0) clearInterval(resendTimer);
  };
  resendTimer = setInterval(count, 1e3);
  count();
}
async function resend() {
  const { verificationId } = attempt;
  const body = { installationId: await client.installationId() };
  describeCode(await client.api.resend_verification({ path: { verificationId }, body }));
  return "Another code was sent. The one before is no longer good.";
}
async function confirm() {
  const { purpose, verificationId } = attempt;
  await client.confirmCode(purpose, { verificationId, code: input("code").value.trim() });
  attempt.confirmed = true;
  await finish();
}
function details() {
  const deviceName = input("device-name").value.trim();
  return { ...deviceName && { deviceName } };
}
async function finish() {
  const { purpose, verificationId } = attempt;
  try {
    if (purpose === "register") {
      await client.register({ verificationId, ...details() });
    } else {
      await client.logIn({ verificationId, ...details(), ...asked2() });
    }
    restart();
  } catch (error) {
    if (isProblem(error, "account_exists")) return offer("login", "This number has an account.", "Log in");
    if (isProblem(error, "account_not_found")) return offer("register", "This number has no account.", "Sign up");
    show(form("code-form"), false);
    show(form("finish-form"), true);
    const code = isProblem(error) ? error.code : "";
    if (code.startsWith("two_factor")) {
      askFor("twoFactorToken");
      show(byId("factor-fill"), hasSecret());
    } else if (code === "registration_locked") {
      askFor("recoveryCode");
    } else if (code === "device_limit" && isProblem(error)) {
      askFor("replaceDeviceId");
      listDevices(error.problem.devices ?? []);
    } else if (code === "account_idle") {
      askFor("startOver");
    }
    throw error;
  }
}
function askFor(name) {
  show(document.querySelector(`#finish-form [data-field="${name}"]`), true);
}
function asked2() {
  const twoFactorToken = input("factor").value.trim();
  const recoveryCode = input("recovery").value.trim();
  const chosen = byId("replaceable").querySelector("input:checked");
  return {
    ...twoFactorToken && { twoFactorToken },
    ...recoveryCode && { recoveryCode },
    ...chosen && { replaceDeviceId: chosen.value },
    ...input("start-over").checked && { startOver: true }
  };
}
function listDevices(devices) {
  byId("replaceable").replaceChildren(
    ...devices.map(({ id, deviceName, lastActive, replaceable }) => {
      const radio = make("input", { type: "radio", name: "replace", value: id, disabled: !replaceable });
      return make("div", {}, make("label", { class: "check" }, radio, `${deviceName}, ${when(lastActive)}`));
    })
  );
}
function offer(purpose, text, label) {
  const other = make("button", { type: "button" }, `${label} instead`);
  restart();
  form("phone-form").querySelector(`[value=${purpose}]`).checked = true;
  other.addEventListener("click", () => void run(RESULT5, () => sendCode(purpose), other));
  tell(RESULT5, `${text} `);
  byId(RESULT5).append(other);
  other.focus();
}
async function quick() {
  restart();
  const digits2 = String(crypto.getRandomValues(new Uint32Array(1))[0] % 1e7).padStart(7, "0");
  input("phone").value = `+33 6 1${digits2[0]} ${digits2.slice(1, 3)} ${digits2.slice(3, 5)} ${digits2.slice(5, 7)}`;
  await sendCode("register");
  input("code").value = await newestCode(attempt.phoneNumber);
  await confirm();
}

// clients/dev-page/src/main.ts
var offered = /* @__PURE__ */ new Set();
var signedInAs;
function showParts(state) {
  for (const part of document.querySelectorAll("[data-when], [data-needs]")) {
    const { when: when2, needs } = part.dataset;
    part.hidden = when2 !== void 0 && when2 !== state || needs !== void 0 && !offered.has(needs);
  }
}
async function load() {
  await run("devices-result", loadDevices);
  await run("factor-result", loadSecondFactor);
  if (offered.has("account")) await run("account-result", loadAccount);
  await run("history-result", loadHistory);
}
async function render(reason = "") {
  const session = await client.session();
  const state = byId("state");
  if (!session) {
    const was = signedInAs;
    signedInAs = void 0;
    showParts("out");
    if (was) {
      restart();
      resetQr();
      byId("main").focus();
    }
    state.textContent = `Signed out${reason && `: ${reason}`}. This window is device ${DEVICE}.`;
    return;
  }
  const isNew = signedInAs !== session.refreshToken && signedInAs === void 0;
  signedInAs = session.refreshToken;
  showParts("in");
  showSession(session);
  const phone = memory.get("shown");
  state.textContent = `Signed in${phone ? ` as ${phone}` : ""}. This window is device ${DEVICE}.`;
  if (isNew) {
    restart();
    resetQr();
    byId("main").focus();
    await load();
  }
}
function markWindow() {
  for (const link of document.querySelectorAll(".windows a")) {
    if (link.textContent === DEVICE) link.setAttribute("aria-current", "page");
  }
  document.title = `auth: device ${DEVICE}`;
}
async function start() {
  markWindow();
  startLog();
  startSignIn();
  startSession();
  startDevices();
  startSecondFactor();
  startQr();
  startAccount();
  startHistory();
  startInbox(takeCode);
  onSession((event) => void render(event.type === "signed_out" ? event.reason.replaceAll("_", " ") : ""));
  offered = await offeredParts();
  await render();
  document.body.dataset["ready"] = "";
  if (location.pathname === "/dev/inbox") byId("inbox").scrollIntoView();
}
start().catch((error) => tell("state", describe(error), "bad"));
