/** Returns a message with valid content, or null for others, such as those of later versions. */
export function parseServerMessage(message) {
    const { payload, serverTime } = message;
    const type = message.type;
    switch (type) {
        case 'ready':
        case 'session-snapshot': {
            if (!Array.isArray(payload) || !isNumber(serverTime))
                return null;
            return { type, sessions: payload.filter(isSessionState), serverTime };
        }
        case 'session-update':
            if (!isSessionState(payload))
                return null;
            return { type, session: payload, removed: 'removed' in payload };
        case 'tick': {
            const ticks = [payload].flat().filter(isTick);
            return { type, ticks, serverTime: isNumber(serverTime) ? serverTime : undefined };
        }
        case 'ack': {
            const { id, rev, sessionId } = message;
            return { type: 'answer', answer: { id, ok: true, value: { rev: Number(rev), sessionId: String(sessionId) } } };
        }
        case 'error':
            return parseError(message);
        default:
            return null;
    }
}
function parseError({ id, payload }) {
    const { code, message, retry } = (payload ?? {});
    const error = { code: String(code ?? 'unknown'), message: String(message ?? ''), retry: retry === true };
    return id === undefined ? { type: 'error', ...error } : { type: 'answer', answer: { id, ok: false, ...error } };
}
function isSessionState(value) {
    const state = value;
    return (typeof state?.sessionId === 'string' &&
        typeof state.label === 'string' &&
        isNumber(state.startedAt) &&
        isNumber(state.accumulatedMs) &&
        typeof state.running === 'boolean' &&
        Array.isArray(state.goals));
}
function isTick(value) {
    const tick = value;
    return typeof tick?.sessionId === 'string' && isNumber(tick.elapsedMs) && typeof tick.running === 'boolean';
}
function isNumber(value) {
    return typeof value === 'number' && Number.isFinite(value);
}
