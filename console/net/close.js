/** What a close code tells the client to do next. */

/** Advice longer than this is taken for a mistake: a page should not seem dead for longer. */
const ADVICE_MAX_MS = 300_000;

/** Backoff steps to skip when the server says there was too much of us. */
const CALMER = 3;

/** `{refused}` must not be repeated, `{waitMs}` is the server's own advice, else `{steps}` more of backoff. */
export function verdict(code, reason) {
  if (code === 4401) return { refused: 'unauthorised' };
  if (code === 4403) return { refused: 'forbidden' };
  if (code === 4429) return { steps: CALMER };
  const waitMs = code === 1012 || code === 1013 ? advice(reason) : undefined;
  return waitMs === undefined ? { steps: 0 } : { waitMs };
}

function advice(reason) {
  try {
    const ms = JSON.parse(reason).reconnectAfterMs;
    return Number.isFinite(ms) && ms >= 0 ? Math.min(ms, ADVICE_MAX_MS) : undefined;
  } catch {
    return undefined;
  }
}
