// Proofs of possession (DPoP, RFC 9449): tokens that are bound to a key which never leaves the
// browser are worth nothing to whoever copies them.

import { transact } from "./indexed-db.js";
import { randomId } from "./locks.js";

/** Where the key is kept. One key for each `baseUrl` and storage key. */
export interface DpopKeys {
  load(): Promise<CryptoKeyPair | undefined>;
  /** Keeps this pair, unless there is one already; gives the one that is kept. */
  keep(pair: CryptoKeyPair): Promise<CryptoKeyPair>;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" } as const;

/** A key of IndexedDB, whose private half no script can read. */
export function indexedDbKeys(name: string): DpopKeys {
  return {
    load: () => transact("keys", "readonly", (keys) => keys.get(name)),
    async keep(pair) {
      // `add` refuses a second one: of two tabs that made a pair, the first wins.
      await transact("keys", "readwrite", (keys) => keys.add(pair, name)).catch(() => undefined);
      const kept = await this.load();
      if (!kept) throw new Error("IndexedDB does not keep the key");
      return kept;
    },
  };
}

/** Keys for one process: tests, and scripts. */
export function memoryKeys(): DpopKeys {
  let kept: CryptoKeyPair | undefined;
  return {
    load: async () => kept,
    keep: async (pair) => (kept ??= pair),
  };
}

interface ProofOf {
  method: string;
  url: string;
  accessToken: string | undefined;
}

/** Makes the proofs of one client. */
export class DpopSigner {
  #pair: Promise<Signing> | undefined;
  /** Seconds by which the service's clock is ahead of ours. */
  #offset = 0;

  constructor(readonly keys: DpopKeys) {}

  /** The thumbprint of the key (RFC 7638), which the tokens name. */
  async thumbprint(): Promise<string> {
    return (await this.#signing()).thumbprint;
  }

  async proof({ method, url, accessToken }: ProofOf): Promise<string> {
    const { pair, jwk } = await this.#signing();
    const { origin, pathname } = new URL(url);
    const claims: Record<string, unknown> = {
      jti: randomId(),
      htm: method,
      htu: origin + pathname,
      iat: Math.floor(Date.now() / 1000) + this.#offset,
    };
    if (accessToken !== undefined) claims["ath"] = await sha256(accessToken);
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
  learnClock(response: Response): boolean {
    const theirs = Date.parse(response.headers.get("date") ?? "");
    if (Number.isNaN(theirs)) return false;
    const offset = Math.round((theirs - Date.now()) / 1000);
    const differs = Math.abs(offset - this.#offset) > 2;
    if (differs) this.#offset = offset;
    return differs;
  }

  #signing(): Promise<Signing> {
    this.#pair ??= this.#load().catch((error: unknown) => {
      this.#pair = undefined;
      throw error;
    });
    return this.#pair;
  }

  async #load(): Promise<Signing> {
    let pair = await this.keys.load();
    if (!pair) {
      const made = await crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"]);
      pair = await this.keys.keep(made);
    }
    const { x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
    const jwk = { crv: "P-256", kty: "EC", x, y };
    // RFC 7638: the required members alone, in this order.
    return { pair, jwk, thumbprint: await sha256(JSON.stringify(jwk)) };
  }
}

interface Signing {
  pair: CryptoKeyPair;
  jwk: object;
  thumbprint: string;
}

/** The key that an access token is bound to, if any. */
export function boundKey(accessToken: string): string | undefined {
  try {
    const payload = accessToken.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/");
    const claims = JSON.parse(atob(payload)) as { cnf?: { jkt?: string } };
    return claims.cnf?.jkt;
  } catch {
    return undefined;
  }
}

async function sha256(text: string): Promise<string> {
  return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes(text))));
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function encode(text: string): string {
  return base64url(bytes(text));
}

function base64url(data: Uint8Array): string {
  const text = btoa(String.fromCharCode(...data));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
