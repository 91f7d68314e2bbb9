/**
 * Detects a connection that should deliver ticks and does not. Counts checks instead of seconds: a suspended or
 * throttled tab checks rarely, so its detection is late but never wrong.
 */

/** Ticks come every second; the server may skip or delay two of them without a fault. */
const STALE_CHECKS = 4;

/** The connection counts as dead, well before the minutes that TCP needs to report it. */
const DEAD_CHECKS = 15;

export class TickWatchdog {
  #missedChecks = 0;

  reset() {
    this.#missedChecks = 0;
  }

  /** Returns `'ok'`, `'stale'` (the displayed values may be old) or, once, `'dead'`. */
  check(expectsTicks) {
    this.#missedChecks = expectsTicks ? this.#missedChecks + 1 : 0;
    if (this.#missedChecks === DEAD_CHECKS) return 'dead';
    return this.#missedChecks >= STALE_CHECKS ? 'stale' : 'ok';
  }
}
