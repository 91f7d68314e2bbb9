/**
 * The server's time, derived from a local clock that may be wrong by hours: measured now and then by requests, and
 * compared with each server time in other messages.
 */
/** Samples per measurement; the one with the shortest round trip is used. */
const SAMPLES = 5;
/** An observed time this far in the past is late, or the local clock was moved: a new measurement is due soon. */
const SUSPICIOUS_LAG_MS = 1_500;
/** An observed time this far in the past is none that was delayed: a clock was moved. */
const MOVED_MS = 60_000;
/** Validity of a measurement; a bad local clock drifts by some ten milliseconds in that time. */
const SYNC_INTERVAL_MS = 10 * 60_000;
/** Delay after a measurement without an answer. */
const RETRY_MS = 5_000;
/** Estimates the server's time. */
export class ServerClock {
    #request;
    #now;
    #nextSyncAt = -Infinity;
    #lastSyncAt = -Infinity;
    #syncing = false;
    #offsetMs = 0;
    #errorMs = Infinity;
    /** `request` asks the server for its time, and fails if there is no answer; `now` is the local clock. */
    constructor(request, now) {
        this.#request = request;
        this.#now = now;
    }
    /** How far the server's clock is ahead of the local one, in milliseconds. */
    get offsetMs() {
        return this.#offsetMs;
    }
    /** The error bound of the offset: half the round trip of its measurement, or infinity before the first. */
    get errorMs() {
        return this.#errorMs;
    }
    /** Returns the estimated time of the server. */
    now() {
        return this.#now() + this.#offsetMs;
    }
    /** Makes the next `sync` measure, for example on a new connection. */
    invalidate() {
        this.#nextSyncAt = -Infinity;
    }
    /** Measures the offset if that is due. Returns whether the offset was updated. */
    async sync() {
        const now = this.#now();
        // Otherwise a clock that was set back would wait until it reaches its old time.
        const wasSetBack = now < this.#lastSyncAt;
        if (this.#syncing || (now < this.#nextSyncAt && !wasSetBack))
            return false;
        this.#syncing = true;
        const best = await this.#measure();
        this.#syncing = false;
        this.#lastSyncAt = this.#now();
        this.#nextSyncAt = this.#lastSyncAt + (best ? SYNC_INTERVAL_MS : RETRY_MS);
        if (best) {
            this.#offsetMs = best.offsetMs;
            this.#errorMs = best.errorMs;
        }
        return best !== undefined;
    }
    /** Processes a server time from a message. It is a lower bound of the server's current time. */
    observe(serverMs) {
        const aheadMs = serverMs - this.now();
        if (aheadMs > 0 || this.#errorMs === Infinity || aheadMs < -MOVED_MS)
            this.#offsetMs += aheadMs;
        if (aheadMs < -SUSPICIOUS_LAG_MS)
            this.#nextSyncAt = Math.min(this.#nextSyncAt, this.#lastSyncAt + RETRY_MS);
    }
    async #measure() {
        let best;
        for (let nth = 0; nth < SAMPLES; nth++) {
            const sample = await this.#sample().catch(() => null);
            if (sample === null && best === undefined)
                return undefined;
            // A negative round trip means that the local clock was moved during the request.
            if (sample && sample.errorMs >= 0 && sample.errorMs < (best?.errorMs ?? Infinity))
                best = sample;
        }
        return best;
    }
    async #sample() {
        const sentAt = this.#now();
        const serverMs = await this.#request();
        const receivedAt = this.#now();
        return { offsetMs: serverMs - (sentAt + receivedAt) / 2, errorMs: (receivedAt - sentAt) / 2 };
    }
}
