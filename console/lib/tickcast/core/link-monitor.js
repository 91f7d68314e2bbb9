/**
 * Detects a link that has stopped to deliver without a close. Counts checks instead of seconds: a suspended or
 * throttled page checks rarely, so its detection is late but never wrong.
 */
/** Ticks come every second; the server may skip or delay two of them without a fault. */
const STALE_CHECKS = 4;
/** A link without the ticks that are due counts as dead, well before the minutes that TCP needs to report it. */
const DEAD_CHECKS = 15;
/** After this silence the client asks for an answer. */
const PROBE_CHECKS = 30;
/** A link without an answer by then counts as dead. */
const SILENT_CHECKS = 40;
/** Counts the checks, one a second, since the last message and since the last tick. */
export class LinkMonitor {
    #withoutTick = 0;
    #withoutMessage = 0;
    /** Processes a new link. */
    reset() {
        this.#withoutTick = this.#withoutMessage = 0;
    }
    /** Processes a message. */
    receive(isTick) {
        this.#withoutMessage = 0;
        if (isTick)
            this.#withoutTick = 0;
    }
    /** Makes the next checks expect an answer soon, because the page was suspended or the network has changed. */
    suspect() {
        this.#withoutMessage = Math.max(this.#withoutMessage, PROBE_CHECKS - 1);
    }
    /** Processes a second in which ticks were due or not. */
    check(expectsTicks) {
        this.#withoutMessage += 1;
        this.#withoutTick = expectsTicks ? this.#withoutTick + 1 : 0;
        if (this.#withoutTick >= DEAD_CHECKS || this.#withoutMessage >= SILENT_CHECKS)
            return 'dead';
        if (this.#withoutMessage === PROBE_CHECKS)
            return 'probe';
        return this.#withoutTick >= STALE_CHECKS ? 'stale' : 'ok';
    }
}
