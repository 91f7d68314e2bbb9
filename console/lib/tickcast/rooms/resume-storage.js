const keyOf = (roomId) => `tickcast.resume.${roomId}`;
/** See the module. */
export class ResumeStorage {
    #storage;
    constructor(storage) {
        this.#storage = storage ?? null;
    }
    load(roomId) {
        return this.#attempt((storage) => storage.getItem(keyOf(roomId))) ?? undefined;
    }
    save(roomId, secret) {
        this.#attempt((storage) => storage.setItem(keyOf(roomId), secret));
    }
    remove(roomId) {
        this.#attempt((storage) => storage.removeItem(keyOf(roomId)));
    }
    /** Storage access may throw; a failed access counts as empty storage. */
    #attempt(run) {
        try {
            return this.#storage ? run(this.#storage) : undefined;
        }
        catch {
            return undefined;
        }
    }
}
