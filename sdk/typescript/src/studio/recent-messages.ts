/** Recognises messages that arrive a second time, because two links are open during a handover. */
import type { Message } from '../core/link.js';

/** Both links have delivered a message by then; the old one closes earlier. */
const KEPT_MS = 10_000;

/** See the module. */
export class RecentMessages {
  readonly #now: () => number;
  /** When each message arrived first, oldest first. */
  readonly #arrivals = new Map<string, number>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Adds a message. Returns false if it has arrived before. */
  add({ type, payload }: Message): boolean {
    const now = this.#now();
    for (const [key, at] of this.#arrivals) {
      if (Math.abs(now - at) < KEPT_MS) break;
      this.#arrivals.delete(key);
    }
    const key = `${type} ${JSON.stringify(payload)}`;
    if (this.#arrivals.has(key)) return false;
    this.#arrivals.set(key, now);
    return true;
  }
}
