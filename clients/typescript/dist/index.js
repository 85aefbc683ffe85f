// A typed client of the auth service: see README.md.
export { Client, createClient } from "./client.js";
export { indexedDbKeys, memoryKeys } from "./dpop.js";
export { isProblem, NetworkError, ProblemError, SignedOutError } from "./errors.js";
export { defaultLocks, processLocks, storageLocks, webLocks } from "./locks.js";
export { memoryStorage } from "./storage.js";
