// Locks that all tabs of an origin share, so that one of them refreshes and the others wait for it.

import type { KeyValueStorage } from "./storage.js";

/** Runs one piece of work at a time for each name. */
export interface Locks {
  run<T>(name: string, work: () => Promise<T>): Promise<T>;
}

/** The browser's own (`navigator.locks`): released even if a tab is closed in the middle. */
export function webLocks(locks: LockManager): Locks {
  return {
    async run(name, work) {
      return await locks.request(name, work);
    },
  };
}

/** For one process: a queue for each name. */
export function processLocks(): Locks {
  const last = new Map<string, Promise<unknown>>();
  return {
    run(name, work) {
      const next = (last.get(name) ?? Promise.resolve()).then(work, work);
      const ended = next.then(
        () => undefined,
        () => undefined,
      );
      last.set(name, ended);
      void ended.then(() => last.get(name) === ended && last.delete(name));
      return next;
    },
  };
}

/** How long a claim holds if its tab is gone. A running one is renewed. */
const CLAIM_TTL = 10_000;
const RENEW_EVERY = 2_000;
/** After writing a claim: time for another tab that wrote at the same moment to be seen. */
const SETTLE = 100;
const POLL = 60;

/**
 * Over the storage, for browsers without `navigator.locks`: a claim is written, and holds if it is
 * still there a moment later. Browsers tell other tabs of a write late when they are busy, so two tabs
 * may both get through. That does no harm: the service gives the second the same token again, or
 * answers `refresh_superseded`.
 */
export function storageLocks(storage: KeyValueStorage): Locks {
  const inProcess = processLocks();
  return {
    run: (name, work) => inProcess.run(name, () => withClaim(storage, `${name}.lock`, work)),
  };
}

async function withClaim<T>(
  storage: KeyValueStorage,
  key: string,
  work: () => Promise<T>,
): Promise<T> {
  const owner = randomId();
  const claim = () => storage.setItem(key, `${owner} ${Date.now() + CLAIM_TTL}`);
  const holder = async () => {
    const [by, until] = ((await storage.getItem(key)) ?? "").split(" ");
    return by && Number(until) > Date.now() ? by : undefined;
  };
  for (;;) {
    if ((await holder()) === undefined) {
      await claim();
      await pause(SETTLE + Math.random() * SETTLE);
      if ((await holder()) === owner) break;
    }
    await pause(POLL + Math.random() * POLL);
  }
  const renewal = setInterval(() => void claim(), RENEW_EVERY);
  try {
    return await work();
  } finally {
    clearInterval(renewal);
    if ((await holder()) === owner) await storage.removeItem(key);
  }
}

/** The best there is: the browser's locks, else the storage's. */
export function defaultLocks(storage: KeyValueStorage): Locks {
  const web = globalThis.navigator?.locks as LockManager | undefined;
  return web ? webLocks(web) : storageLocks(storage);
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** 128 random bits, as a UUID. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
