/** Where the key is kept. One key for each `baseUrl` and storage key. */
export interface DpopKeys {
    load(): Promise<CryptoKeyPair | undefined>;
    /** Keeps this pair, unless there is one already; gives the one that is kept. */
    keep(pair: CryptoKeyPair): Promise<CryptoKeyPair>;
}
/** A key of IndexedDB, whose private half no script can read. */
export declare function indexedDbKeys(name: string): DpopKeys;
/** Keys for one process: tests, and scripts. */
export declare function memoryKeys(): DpopKeys;
interface ProofOf {
    method: string;
    url: string;
    accessToken: string | undefined;
}
/** Makes the proofs of one client. */
export declare class DpopSigner {
    #private;
    readonly keys: DpopKeys;
    constructor(keys: DpopKeys);
    /** The thumbprint of the key (RFC 7638), which the tokens name. */
    thumbprint(): Promise<string>;
    proof({ method, url, accessToken }: ProofOf): Promise<string>;
    /**
     * Learns the service's time from an answer: a proof may be 5 seconds ahead of it and a minute
     * behind, and clocks of clients are worse. Tells whether there was something to learn.
     */
    learnClock(response: Response): boolean;
}
/** The key that an access token is bound to, if any. */
export declare function boundKey(accessToken: string): string | undefined;
export {};
