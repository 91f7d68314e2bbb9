/** Maps a WebSocket close code to a reconnect policy. */

/** Longer delays are treated as invalid and cut, because the page would seem dead for too long. */
const RETRY_AFTER_MAX_MS = 300_000;

/** Backoff steps to skip after the server reported too many connections or messages. */
const RATE_LIMITED_STEPS = 3;

/**
 * Returns `{refused}` if the client must not reconnect, `{retryAfterMs}` if the server sent a delay,
 * else `{backoffSteps}`, the number of extra backoff steps.
 */
export function reconnectPolicy(code, reason) {
  if (code === 4401) return { refused: 'unauthorized' };
  if (code === 4403) return { refused: 'forbidden' };
  if (code === 4429) return { backoffSteps: RATE_LIMITED_STEPS };
  const retryAfterMs = code === 1012 || code === 1013 ? parseRetryAfter(reason) : undefined;
  return retryAfterMs === undefined ? { backoffSteps: 0 } : { retryAfterMs };
}

function parseRetryAfter(reason) {
  try {
    const ms = JSON.parse(reason).reconnectAfterMs;
    return Number.isFinite(ms) && ms >= 0 ? Math.min(ms, RETRY_AFTER_MAX_MS) : undefined;
  } catch {
    return undefined;
  }
}
