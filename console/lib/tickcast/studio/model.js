export const INITIAL_MODEL = { entries: new Map(), ended: new Set() };
/** More than the entries that end while a list is on its way. */
const ENDED_MAX = 1_000;
/** An entry that started within this time is new; events arrive much sooner. */
const NEW_MS = 10_000;
/** Returns the model after an event. */
export function reduce(model, { type, payload }) {
    const { timeEntryId, serverTime } = payload;
    const known = model.entries.get(timeEntryId);
    // During a handover two links deliver events, and one of them can be late.
    const isNewer = !known || known.changedAt <= serverTime;
    switch (type) {
        case 'timer:stopped':
            return end(model, timeEntryId);
        case 'timer:adjusted':
            if (payload.endTime !== null)
                return end(model, timeEntryId);
            return known && isNewer ? put(model, { ...known, startTime: payload.startTime, changedAt: serverTime }) : model;
        case 'timer:started': {
            const { taskType, sessionId, projectId, trackId, startTime } = payload;
            const changed = { taskType, sessionId, projectId, trackId, startTime, changedAt: serverTime };
            if (known)
                return isNewer ? put(model, { ...known, ...changed }) : model;
            return put(model, { id: timeEntryId, ...changed, userId: payload.userId, hourlyRate: taskType?.hourlyRate ?? '0.00' });
        }
    }
}
/**
 * Returns whether an event is about an entry whose start this client has missed: its rate may have been another one, and
 * others have noted something; or its correction overtakes its start. `now` is the server's time.
 */
export function isIncomplete(model, { type, payload }, now) {
    if (model.entries.has(payload.timeEntryId) || model.ended.has(payload.timeEntryId))
        return false;
    if (type === 'timer:adjusted')
        return payload.endTime === null;
    return type === 'timer:started' && now - Date.parse(payload.startTime) > NEW_MS;
}
/** Returns the model after one entry has been received as a whole, with its task type if that is known. */
export function putEntry(model, entry, taskType) {
    if (entry.endTime !== null)
        return end(model, entry.id);
    const known = model.entries.get(entry.id);
    return put(model, newer(activeEntry(entry, entry.taskType ?? known?.taskType ?? taskType), known));
}
/**
 * Returns the model after the list of all entries that run has been received. `before` is the model when the list was
 * asked for: what has changed since is newer than the list, and is kept.
 */
export function putAll(model, list, before) {
    const entries = new Map();
    for (const entry of list) {
        const isRunning = entry.endTime === null && !model.ended.has(entry.id);
        if (isRunning)
            entries.set(entry.id, newer(activeEntry(entry, entry.taskType ?? null), model.entries.get(entry.id)));
    }
    for (const [id, entry] of model.entries) {
        if (!entries.has(id) && before.entries.get(id) !== entry)
            entries.set(id, entry);
    }
    return { ...model, entries };
}
/** An event that is newer than a received entry has the newer start. */
function newer(received, known) {
    if (!known || known.changedAt <= received.changedAt)
        return received;
    return { ...received, startTime: known.startTime, changedAt: known.changedAt };
}
function activeEntry(entry, taskType) {
    const { id, sessionId, projectId, trackId, startTime, createdBy, hourlyRateSnapshot, notes, updatedAt } = entry;
    return { id, taskType, sessionId, projectId, trackId, startTime, userId: createdBy, hourlyRate: hourlyRateSnapshot, notes, changedAt: Date.parse(updatedAt) };
}
function put(model, entry) {
    if (model.ended.has(entry.id))
        return model;
    return { ...model, entries: new Map(model.entries).set(entry.id, entry) };
}
function end(model, id) {
    if (model.ended.has(id))
        return model;
    const entries = new Map(model.entries);
    entries.delete(id);
    return { entries, ended: new Set([...model.ended, id].slice(-ENDED_MAX)) };
}
