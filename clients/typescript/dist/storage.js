// What is kept between visits: one record for all tabs, in one place of the storage.
/** A storage that forgets everything at the end of the process. */
export function memoryStorage() {
    const items = new Map();
    return {
        getItem: (key) => items.get(key) ?? null,
        setItem: (key, value) => void items.set(key, value),
        removeItem: (key) => void items.delete(key),
    };
}
/** The record in the storage. A record that cannot be read counts as none. */
export class RecordStore {
    storage;
    key;
    constructor(storage, key) {
        this.storage = storage;
        this.key = key;
    }
    async read() {
        return parseRecord(await this.storage.getItem(this.key));
    }
    async write(record) {
        await this.storage.setItem(this.key, JSON.stringify(record));
    }
}
export function parseRecord(text) {
    try {
        const record = JSON.parse(text ?? "{}");
        return typeof record === "object" && record !== null ? record : {};
    }
    catch {
        return {};
    }
}
