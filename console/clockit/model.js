/**
 * The user's sessions as last reported by the server. Pure: a model and a message give the next model.
 *
 * `sessions` is a Map of `sessionId` to `{state, elapsedMs}` in the server's order; `beatMs` is the newest
 * whole second that the server has sent. Elapsed time is derived from it alone, never from a local clock.
 */

export const INITIAL_MODEL = { sessions: new Map(), beatMs: 0, loaded: false };

export function reduce(model, message) {
  switch (message.type) {
    case 'ready':
      return replaceAll(message, { ...INITIAL_MODEL });
    case 'session-snapshot':
      return replaceAll(message, model);
    case 'session-update':
      return replaceOne(message.payload, model);
    case 'tick':
      return applyTicks(message, model);
    default:
      return model;
  }
}

/** Returns `running`, `paused` or `stopped`. */
export function sessionPhase(state) {
  if (state.running) return 'running';
  return state.endedAt === undefined ? 'paused' : 'stopped';
}

/** Returns the running session with the latest start, or undefined. */
export function newestRunning(model) {
  let newest;
  for (const session of model.sessions.values()) {
    if (session.state.running && !(newest?.state.startedAt > session.state.startedAt)) newest = session;
  }
  return newest;
}

function replaceAll(message, model) {
  const beatMs = latestBeat(model.beatMs, message.serverTime);
  const sessions = new Map();
  for (const state of message.payload ?? message.sessions ?? []) {
    sessions.set(state.sessionId, createSession(state, beatMs, model.sessions.get(state.sessionId)));
  }
  return { sessions, beatMs, loaded: true };
}

function replaceOne(state, model) {
  const sessions = new Map(model.sessions);
  if ('removed' in state) sessions.delete(state.sessionId);
  else sessions.set(state.sessionId, createSession(state, model.beatMs, sessions.get(state.sessionId)));
  return { ...model, sessions };
}

/** Applies one tick or a list of ticks. Ignores a tick whose run has since ended or started. */
function applyTicks(message, model) {
  const sessions = new Map(model.sessions);
  for (const { sessionId, elapsedMs, running } of [message.payload].flat()) {
    const current = sessions.get(sessionId);
    if (current && current.state.running === running) sessions.set(sessionId, { ...current, elapsedMs });
  }
  return { ...model, sessions, beatMs: latestBeat(model.beatMs, message.serverTime) };
}

/** Before its first tick a running session shows the last whole second, as all other devices do. */
function createSession(state, beatMs, previous) {
  if (!state.running) return { state, elapsedMs: state.accumulatedMs };
  const elapsedMs = state.accumulatedMs + Math.max(0, beatMs - state.startedAt);
  return { state, elapsedMs: isSameRun(state, previous) ? Math.max(elapsedMs, previous.elapsedMs) : elapsedMs };
}

function isSameRun(state, previous) {
  return (
    previous !== undefined &&
    previous.state.running &&
    previous.state.startedAt === state.startedAt &&
    previous.state.accumulatedMs === state.accumulatedMs
  );
}

function latestBeat(beatMs, serverTime) {
  return Math.max(beatMs, Math.floor((serverTime ?? 0) / 1000) * 1000);
}
