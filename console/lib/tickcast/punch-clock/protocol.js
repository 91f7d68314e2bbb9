/** Returns the day of a message `session`, or null. */
export function parseDay({ type, payload }) {
    return type === 'session' && isWorkDay(payload) ? payload : null;
}
/** Returns whether a value is a whole document. */
export function isWorkDay(value) {
    const day = value;
    return (Array.isArray(day?.entries) &&
        day.entries.every(isPunch) &&
        isStatus(day.currentStatus) &&
        (day.sessionStartTime === null || typeof day.sessionStartTime === 'number') &&
        typeof day.dailyStats === 'object' &&
        day.dailyStats !== null &&
        typeof day.updatedAt === 'string');
}
/** Returns whether a value is a punch. */
export function isPunch(value) {
    const punch = value;
    const hasId = typeof punch?.id === 'string' || typeof punch?.id === 'number';
    return hasId && typeof punch.timestamp === 'number' && Number.isFinite(punch.timestamp) && isStatus(punch.type);
}
/** Returns whether a value is a page of archived days. */
export function isDayLogPage(value) {
    const page = value;
    const { currentPage, totalPages, totalLogs } = page?.pagination ?? {};
    return Array.isArray(page?.logs) && page.logs.every(isDayLog) && [currentPage, totalPages, totalLogs].every(Number.isFinite);
}
function isDayLog(value) {
    const log = value;
    return typeof log?.date === 'string' && Array.isArray(log.entries) && typeof log.dailyStats === 'object' && log.dailyStats !== null;
}
function isStatus(value) {
    return value === 'IN' || value === 'OUT';
}
