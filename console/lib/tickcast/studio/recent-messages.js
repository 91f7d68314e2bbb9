/** Both links have delivered a message by then; the old one closes earlier. */
const KEPT_MS = 10_000;
/** See the module. */
export class RecentMessages {
    #now;
    /** When each message arrived first, oldest first. */
    #arrivals = new Map();
    constructor(now) {
        this.#now = now;
    }
    /** Adds a message. Returns false if it has arrived before. */
    add({ type, payload }) {
        const now = this.#now();
        for (const [key, at] of this.#arrivals) {
            if (Math.abs(now - at) < KEPT_MS)
                break;
            this.#arrivals.delete(key);
        }
        const key = `${type} ${JSON.stringify(payload)}`;
        if (this.#arrivals.has(key))
            return false;
        this.#arrivals.set(key, now);
        return true;
    }
}
