// What the client keeps in IndexedDB: the record of the session, and the key of DPoP.

import type { KeyValueStorage, StorageChange } from "./storage.js";

const NAME = "auth-service-client";
const STORES = ["records", "keys"] as const;
type Store = (typeof STORES)[number];

/** Runs one transaction; gives its result once it is committed, and every tab sees it. */
export async function transact<T>(
  store: Store,
  mode: IDBTransactionMode,
  work: (objects: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
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

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(NAME, 1);
    opening.onupgradeneeded = () => {
      for (const store of STORES) opening.result.createObjectStore(store);
    };
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error ?? new Error("IndexedDB failed"));
  });
}

/**
 * The storage for browsers. Unlike `localStorage`, of which a tab may see an old value for a moment,
 * it shows each tab what was written last.
 */
export function indexedDbStorage(): KeyValueStorage {
  const channel = new BroadcastChannel(NAME);
  const get = (key: string) =>
    transact<unknown>("records", "readonly", (records) => records.get(key)).then((value) =>
      typeof value === "string" ? value : null,
    );
  const changed = (change: StorageChange) => channel.postMessage(change);
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
    watch(listener) {
      channel.addEventListener("message", ({ data }) => listener(data as StorageChange));
    },
  };
}
