/** Exponential backoff with full jitter, so that many clients of one failed server reconnect spread out. */

export function backoff(attempt, { baseMs, capMs }, random = Math.random) {
  return Math.round(random() * Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30)));
}
