/**
 * The person's sessions as the server last told them. Pure: a model and a message give the next model.
 *
 * `sessions` is a Map of `sessionId` to `{state, elapsedMs}` in the server's order; `beatMs` is the
 * newest whole second the server has named. Elapsed time only ever comes from there.
 */

export const EMPTY = { sessions: new Map(), beatMs: 0, loaded: false };

export function reduce(model, message) {
  switch (message.type) {
    case 'ready':
      return replaceAll(message, { ...EMPTY });
    case 'session-snapshot':
      return replaceAll(message, model);
    case 'session-update':
      return replaceOne(message.payload, model);
    case 'tick':
      return tick(message, model);
    default:
      return model;
  }
}

/** `running`, `paused` or `stopped`. */
export function phaseOf(state) {
  if (state.running) return 'running';
  return state.endedAt === undefined ? 'paused' : 'stopped';
}

/** The running session that began last, or undefined. */
export function newestRunning(model) {
  let newest;
  for (const session of model.sessions.values()) {
    if (session.state.running && !(newest?.state.startedAt > session.state.startedAt)) newest = session;
  }
  return newest;
}

function replaceAll(message, model) {
  const beatMs = later(model.beatMs, message.serverTime);
  const sessions = new Map();
  for (const state of message.payload ?? message.sessions ?? []) {
    sessions.set(state.sessionId, session(state, beatMs, model.sessions.get(state.sessionId)));
  }
  return { sessions, beatMs, loaded: true };
}

function replaceOne(state, model) {
  const sessions = new Map(model.sessions);
  if ('removed' in state) sessions.delete(state.sessionId);
  else sessions.set(state.sessionId, session(state, model.beatMs, sessions.get(state.sessionId)));
  return { ...model, sessions };
}

/** Takes one tick or a list of them. A tick of a run that has since ended or begun says nothing new. */
function tick(message, model) {
  const sessions = new Map(model.sessions);
  for (const { sessionId, elapsedMs, running } of [message.payload].flat()) {
    const known = sessions.get(sessionId);
    if (known && known.state.running === running) sessions.set(sessionId, { ...known, elapsedMs });
  }
  return { ...model, sessions, beatMs: later(model.beatMs, message.serverTime) };
}

/** Before its first tick a running session shows the last whole second, as every other device does. */
function session(state, beatMs, known) {
  if (!state.running) return { state, elapsedMs: state.accumulatedMs };
  const elapsedMs = state.accumulatedMs + Math.max(0, beatMs - state.startedAt);
  return { state, elapsedMs: sameRun(state, known) ? Math.max(elapsedMs, known.elapsedMs) : elapsedMs };
}

function sameRun(state, known) {
  return (
    known !== undefined &&
    known.state.running &&
    known.state.startedAt === state.startedAt &&
    known.state.accumulatedMs === state.accumulatedMs
  );
}

function later(beatMs, serverTime) {
  return Math.max(beatMs, Math.floor((serverTime ?? 0) / 1000) * 1000);
}
