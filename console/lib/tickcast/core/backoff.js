/** Exponential backoff with full jitter, so that many clients of one failed server reconnect spread out. */
/** Returns the delay before attempt `attempt`, counted from 0. `random` returns a number from 0 to below 1. */
export function backoff(attempt, { baseMs, capMs }, random) {
    return Math.round(random() * Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30)));
}
