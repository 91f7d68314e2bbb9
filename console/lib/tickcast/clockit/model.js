export const INITIAL_MODEL = { sessions: new Map(), beatMs: 0, loaded: false };
/** A displayed time that is ahead of the server's by less is kept until the server's is ahead: no second is shown twice. */
const AHEAD_MAX_MS = 5_000;
/** Returns the model after a message. */
export function reduce(model, message) {
    switch (message.type) {
        case 'ready':
        case 'session-snapshot':
            return replaceAll(model, message.sessions, message.serverTime);
        case 'session-update':
            return replaceOne(model, message.session, message.removed);
        case 'tick':
            return applyTicks(model, message.ticks, message.serverTime);
        default:
            return model;
    }
}
/** Returns the model at a later second, by the local clock. */
export function continueLocally(model, beatMs) {
    if (beatMs <= model.beatMs)
        return model;
    const ticks = [];
    for (const { state } of model.sessions.values()) {
        const { sessionId, accumulatedMs, startedAt, running } = state;
        if (running && beatMs >= startedAt)
            ticks.push({ sessionId, running, elapsedMs: accumulatedMs + beatMs - startedAt });
    }
    return applyTicks(model, ticks, beatMs);
}
/** Returns the running session with the latest start, or undefined. */
export function newestRunning(sessions) {
    let newest;
    for (const session of sessions.values()) {
        if (session.state.running && !(newest && newest.state.startedAt > session.state.startedAt))
            newest = session;
    }
    return newest;
}
function replaceAll(model, states, serverTime) {
    const beatMs = nextBeat(model.beatMs, serverTime);
    const sessions = new Map();
    for (const state of states) {
        sessions.set(state.sessionId, createSession(state, beatMs, model.sessions.get(state.sessionId)));
    }
    return { sessions, beatMs, loaded: true };
}
function replaceOne(model, state, removed) {
    const sessions = new Map(model.sessions);
    if (removed)
        sessions.delete(state.sessionId);
    else
        sessions.set(state.sessionId, createSession(state, model.beatMs, sessions.get(state.sessionId)));
    return { ...model, sessions };
}
/** Ignores a tick that repeats a displayed second, and one whose run has since ended or started. */
function applyTicks(model, ticks, serverTime) {
    const changed = new Map();
    for (const { sessionId, elapsedMs, running } of ticks) {
        const current = model.sessions.get(sessionId);
        if (!current || current.state.running !== running || elapsedMs === current.elapsedMs)
            continue;
        if (!running || !isAhead(current.elapsedMs, elapsedMs))
            changed.set(sessionId, { ...current, elapsedMs });
    }
    const beatMs = serverTime === undefined ? model.beatMs : nextBeat(model.beatMs, serverTime);
    if (changed.size === 0)
        return beatMs === model.beatMs ? model : { ...model, beatMs };
    const sessions = new Map(model.sessions);
    for (const [sessionId, session] of changed)
        sessions.set(sessionId, session);
    return { ...model, sessions, beatMs };
}
/** Before its first tick a running session shows the last whole second, as all other devices do. */
function createSession(state, beatMs, previous) {
    const phase = state.running ? 'running' : state.endedAt === undefined ? 'paused' : 'stopped';
    if (!state.running)
        return { state, phase, elapsedMs: state.accumulatedMs };
    const elapsedMs = state.accumulatedMs + Math.max(0, beatMs - state.startedAt);
    const isKept = isSameRun(state, previous?.state) && isAhead(previous.elapsedMs, elapsedMs);
    return { state, phase, elapsedMs: isKept ? previous.elapsedMs : elapsedMs };
}
function isSameRun(state, previous) {
    return previous?.running === true && previous.startedAt === state.startedAt && previous.accumulatedMs === state.accumulatedMs;
}
/** A display that is far ahead is wrong instead: the local clock or the server's was moved. */
function isAhead(displayedMs, elapsedMs) {
    return displayedMs > elapsedMs && displayedMs - elapsedMs < AHEAD_MAX_MS;
}
/** A server time that is far behind means that the server's clock was set back. */
function nextBeat(beatMs, serverTime) {
    const next = Math.floor(serverTime / 1000) * 1000;
    return isAhead(beatMs, next) ? beatMs : next;
}
