/** Maps the close code of a connection to what the client does next. */
/** Longer delays are treated as invalid and cut, because the client would seem dead for too long. */
export const RETRY_AFTER_MAX_MS = 300_000;
/** Backoff steps to skip after the server reported too many connections or messages. */
const RATE_LIMITED_STEPS = 3;
/** The codes of closes to which clients react. The first is the environment's, for a connection that was lost. */
export const CLOSE = {
    lost: 1006,
    restarting: 1012,
    overloaded: 1013,
    unauthorized: 4401,
    forbidden: 4403,
    tooLarge: 4413,
    tooMany: 4429,
};
/** Returns the policy for a close. Only 1012 and 1013 carry a delay, `{"reconnectAfterMs": n}`, as their reason. */
export function reconnectPolicy(code, reason) {
    switch (code) {
        case CLOSE.unauthorized:
            return { kind: 'refused', reason: 'unauthorized' };
        case CLOSE.forbidden:
            return { kind: 'refused', reason: 'forbidden' };
        case CLOSE.tooMany:
            return { kind: 'backoff', steps: RATE_LIMITED_STEPS };
        case CLOSE.restarting:
        case CLOSE.overloaded: {
            const ms = parseRetryAfter(reason);
            return ms === undefined ? { kind: 'backoff', steps: 0 } : { kind: 'after', ms };
        }
        default:
            return { kind: 'backoff', steps: 0 };
    }
}
function parseRetryAfter(reason) {
    try {
        const ms = JSON.parse(reason).reconnectAfterMs;
        return typeof ms === 'number' && ms >= 0 ? Math.min(ms, RETRY_AFTER_MAX_MS) : undefined;
    }
    catch {
        return undefined;
    }
}
