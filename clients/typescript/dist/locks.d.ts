import type { KeyValueStorage } from "./storage.js";
/** Runs one piece of work at a time for each name. */
export interface Locks {
    run<T>(name: string, work: () => Promise<T>): Promise<T>;
}
/** The browser's own (`navigator.locks`): released even if a tab is closed in the middle. */
export declare function webLocks(locks: LockManager): Locks;
/** For one process: a queue for each name. */
export declare function processLocks(): Locks;
/**
 * Over the storage, for browsers without `navigator.locks`: a claim is written, and holds if it is
 * still there a moment later. Two tabs that both get through (a frozen tab, a slow storage) do no
 * harm: the service answers the second `refresh_superseded`, or the same token again.
 */
export declare function storageLocks(storage: KeyValueStorage): Locks;
/** The best there is: the browser's locks, else the storage's. */
export declare function defaultLocks(storage: KeyValueStorage): Locks;
export declare function pause(milliseconds: number): Promise<void>;
/** 128 random bits, as a UUID. */
export declare function randomId(): string;
