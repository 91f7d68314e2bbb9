/** Exponential backoff with full jitter: a crowd that lost one server comes back spread out. */

export function backoff(attempt, { baseMs, capMs }, random = Math.random) {
  return Math.round(random() * Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30)));
}
