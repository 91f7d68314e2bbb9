/** Returns whether a repetition of a request helps: a server that is away, or a login that has to be renewed. */
export function isTemporary({ status }) {
    return [0, 401, 403, 408, 429].includes(status) || status >= 500;
}
/** A person whose login by cookies has expired may log in on another page. */
const LOGIN_PAUSE_MS = 30_000;
/**
 * Returns the answer to a command that may wait for long. A request has asked the provider for another token already, so
 * that a repetition with a token is refused again.
 */
export function patientAnswer(id, error, credential) {
    if (error.status === 401 && credential === undefined)
        return { ...failedAnswer(id, error), retryAfterMs: LOGIN_PAUSE_MS };
    const isRefused = error.status === 401 || error.status === 403;
    return failedAnswer(id, error, { retry: !isRefused && isTemporary(error) });
}
/** Returns the answer to a command whose request has failed. */
export function failedAnswer(id, error, { code = `http_${error.status}`, retry = isTemporary(error) } = {}) {
    const { message, retryAfterMs } = error;
    return { id, ok: false, code, message, retry, retryAfterMs };
}
