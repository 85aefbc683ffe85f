// A typed client of the auth service: see README.md.

export { Client, createClient } from "./client.js";
export type { ClientOptions, Purpose, RequestArguments } from "./client.js";
export { indexedDbKeys, memoryKeys } from "./dpop.js";
export type { DpopKeys } from "./dpop.js";
export { isProblem, NetworkError, ProblemError, SignedOutError } from "./errors.js";
export type { Problem, ProblemCode, ProblemCodeOf, SignedOutReason } from "./errors.js";
export { indexedDbStorage } from "./indexed-db.js";
export { defaultLocks, processLocks, storageLocks, webLocks } from "./locks.js";
export type { Locks } from "./locks.js";
export type { SessionEvent } from "./session.js";
export { memoryStorage } from "./storage.js";
export type { KeyValueStorage, StorageChange, StoredSession } from "./storage.js";
export type { Api, Arguments, Body, CallOptions, OperationId, Result, Schemas, Tokens } from "./types.js";
