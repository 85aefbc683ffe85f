// Proofs of possession (DPoP, RFC 9449): tokens that are bound to a key which never leaves the
// browser are worth nothing to whoever copies them.
import { randomId } from "./locks.js";
const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" };
/** A key of IndexedDB, whose private half no script can read. */
export function indexedDbKeys(name) {
    return {
        load: () => withKeys("readonly", (keys) => keys.get(name)),
        async keep(pair) {
            // `add` refuses a second one: of two tabs that made a pair, the first wins.
            await withKeys("readwrite", (keys) => keys.add(pair, name)).catch(() => undefined);
            const kept = await this.load();
            if (!kept)
                throw new Error("IndexedDB does not keep the key");
            return kept;
        },
    };
}
/** Keys for one process: tests, and scripts. */
export function memoryKeys() {
    let kept;
    return {
        load: async () => kept,
        keep: async (pair) => (kept ??= pair),
    };
}
async function withKeys(mode, work) {
    const opening = indexedDB.open("auth-service-client", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("dpop");
    const database = await result(opening);
    try {
        return await result(work(database.transaction("dpop", mode).objectStore("dpop")));
    }
    finally {
        database.close();
    }
}
function result(request) {
    return new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error ?? new Error("IndexedDB failed"));
    });
}
/** Makes the proofs of one client. */
export class DpopSigner {
    keys;
    #pair;
    /** Seconds by which the service's clock is ahead of ours. */
    #offset = 0;
    constructor(keys) {
        this.keys = keys;
    }
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
            iat: Math.floor(Date.now() / 1000) + this.#offset,
        };
        if (accessToken !== undefined)
            claims["ath"] = await sha256(accessToken);
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
        if (Number.isNaN(theirs))
            return false;
        const offset = Math.round((theirs - Date.now()) / 1000);
        const differs = Math.abs(offset - this.#offset) > 2;
        if (differs)
            this.#offset = offset;
        return differs;
    }
    #signing() {
        this.#pair ??= this.#load().catch((error) => {
            this.#pair = undefined;
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
        // RFC 7638: the required members alone, in this order.
        return { pair, jwk, thumbprint: await sha256(JSON.stringify(jwk)) };
    }
}
/** The key that an access token is bound to, if any. */
export function boundKey(accessToken) {
    try {
        const payload = accessToken.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
        const claims = JSON.parse(atob(payload));
        return claims.cnf?.jkt;
    }
    catch {
        return undefined;
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
