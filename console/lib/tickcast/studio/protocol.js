/** Returns an event with valid content, or null for others, such as those of later versions. */
export function parseStudioEvent({ type, payload }) {
    const { timeEntryId, taskType, startTime, endTime, serverTime } = (payload ?? {});
    if (typeof timeEntryId !== 'number' || typeof serverTime !== 'number')
        return null;
    switch (type) {
        case 'timer:started':
            return isInstant(startTime) && (taskType === null || isTaskType(taskType)) ? { type, payload: payload } : null;
        case 'timer:stopped':
            return { type, payload: payload };
        case 'timer:adjusted':
            return isInstant(startTime) && (endTime === null || isInstant(endTime)) ? { type, payload: payload } : null;
        default:
            return null;
    }
}
/** Returns whether a value is an entry. */
export function isTimeEntry(value) {
    const entry = value;
    return (typeof entry?.id === 'number' &&
        typeof entry.taskTypeId === 'number' &&
        isInstant(entry.startTime) &&
        (entry.endTime === null || isInstant(entry.endTime)) &&
        isRate(entry.hourlyRateSnapshot) &&
        isInstant(entry.updatedAt));
}
/** Returns whether a value is a task type. */
export function isTaskType(value) {
    const taskType = value;
    return typeof taskType?.id === 'number' && typeof taskType.name === 'string' && isRate(taskType.hourlyRate);
}
/** Returns whether a value is a list of task types. */
export function isTaskTypes(value) {
    return Array.isArray(value) && value.every(isTaskType);
}
/** Returns whether a value is a list of entries. */
export function isEntryList(value) {
    const list = value;
    return Array.isArray(list?.entries) && list.entries.every(isTimeEntry) && typeof list.stats?.totalCost === 'number';
}
/** Returns the result of the envelope of a call, or undefined if it is none. */
export function parseResult(envelope) {
    return envelope?.result?.data;
}
/** Returns the code of the envelope of a call that has failed, or undefined if it is none. */
export function parseErrorCode(envelope) {
    const { code } = (envelope?.error?.data ?? {});
    return typeof code === 'string' ? code : undefined;
}
function isInstant(value) {
    return typeof value === 'string' && !Number.isNaN(Date.parse(value));
}
function isRate(value) {
    return typeof value === 'string' && /^\d+\.\d\d$/.test(value);
}
