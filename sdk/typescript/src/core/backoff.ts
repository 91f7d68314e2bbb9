/** Exponential backoff with full jitter, so that many clients of one failed server reconnect spread out. */

/** The bounds of a delay, in milliseconds. */
export interface BackoffBounds {
  baseMs: number;
  capMs: number;
}

/** Returns the delay before attempt `attempt`, counted from 0. `random` returns a number from 0 to below 1. */
export function backoff(attempt: number, { baseMs, capMs }: BackoffBounds, random: () => number): number {
  return Math.round(random() * Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30)));
}
