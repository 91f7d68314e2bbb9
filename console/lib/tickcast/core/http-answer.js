/** Returns whether a repetition of a request helps: a server that is away, or a login that has to be renewed. */
export function isTemporary({ status }) {
    return [0, 401, 403, 408, 429].includes(status) || status >= 500;
}
/** Returns the answer to a command whose request has failed. */
export function failedAnswer(id, error, { code = `http_${error.status}`, retry = isTemporary(error) } = {}) {
    const { message, retryAfterMs } = error;
    return { id, ok: false, code, message, retry, retryAfterMs };
}
