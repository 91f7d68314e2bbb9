const STATUSES = ['active', 'paused', 'completed', 'abandoned', 'cancelled'];
/** Returns a message with valid content, or null for others, such as those of later versions. */
export function parseFocusMessage(message) {
    const { type, id, sessionId, focusScore } = message;
    switch (type) {
        case 'connected':
            return { type };
        case 'started':
            return typeof sessionId === 'string' ? { type, id, sessionId } : null;
        case 'tick':
            return isTick(message) ? { type, tick: message } : null;
        case 'stopped':
            return typeof sessionId === 'string' && isCount(focusScore) ? { type, sessionId, focusScore } : null;
        case 'error':
            return { type, id, code: String(message['code'] ?? 'unknown'), message: String(message['message'] ?? ''), retry: message['retry'] === true };
        default:
            return null;
    }
}
/** Returns whether a session has not ended. */
export function isOpen({ status }) {
    return status === 'active' || status === 'paused';
}
/** Returns whether a value is the status of a session. */
export function isStatus(value) {
    return STATUSES.includes(value);
}
/** Returns whether a value is a whole session. */
export function isFocusSession(value) {
    const session = value;
    return (typeof session?.id === 'string' &&
        isStatus(session.status) &&
        typeof session.subject === 'string' &&
        typeof session.targetMinutes === 'number' &&
        isCount(session.focusScore) &&
        typeof session.updatedAt === 'string' &&
        hasCounters(session));
}
/** Returns whether a value contains the statistics of a person. */
export function isFocusStats(value) {
    const stats = value;
    return [stats?.focusScore, stats?.streak, stats?.dayStreak, stats?.totalFocusMinutes, stats?.completedSessions].every(isCount);
}
function isTick(value) {
    return typeof value.idle === 'boolean' && hasCounters(value);
}
function hasCounters(value) {
    const { elapsedSeconds, activeSeconds, idleSeconds, tabSwitches } = value;
    return [elapsedSeconds, activeSeconds, idleSeconds, tabSwitches].every(isCount);
}
function isCount(value) {
    return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}
