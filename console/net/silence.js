/**
 * Notices that a link which should tick does not. Counts looks, not seconds: a suspended or
 * throttled tab looks seldom, so it is slow to notice and never wrong.
 */

/** Ticks come every second; the server itself may skip or delay two without anything being lost. */
const QUIET_LOOKS = 4;

/** By now the link is taken for dead, well before the minutes that TCP would need to say so. */
const DEAD_LOOKS = 15;

export class Silence {
  #looks = 0;

  heard() {
    this.#looks = 0;
  }

  /** `'heard'`, `'quiet'` (do not trust what is shown) or, once, `'dead'`. */
  look(expectsTicks) {
    this.#looks = expectsTicks ? this.#looks + 1 : 0;
    if (this.#looks === DEAD_LOOKS) return 'dead';
    return this.#looks >= QUIET_LOOKS ? 'quiet' : 'heard';
  }
}
