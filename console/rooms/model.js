/** The room as last reported by the server. Pure: a model and a message give the next model. */
import { countdownPhase } from './countdown.js';

/**
 * `room` is `{sessionId, clientId, name, resume, state, clients, count}` or null; `completedAt` is the time of the
 * last completion or null.
 */
export const INITIAL_MODEL = { room: null, completedAt: null };

export function reduce(model, { type, payload }) {
  if (type === 'session:joined') return { room: payload, completedAt: missedCompletion(model.room, payload) };
  const { room } = model;
  if (!room || payload?.sessionId !== room.sessionId) return model;
  switch (type) {
    case 'timer:state': {
      if (payload.rev < room.state.rev) return model;
      const isReady = countdownPhase(payload) === 'ready';
      return { room: { ...room, state: payload }, completedAt: isReady ? model.completedAt : null };
    }
    case 'timer:completed':
      return { ...model, completedAt: payload.completedAt };
    case 'session:user-joined':
    case 'session:user-left':
      return { ...model, room: { ...room, clients: payload.clients, count: payload.count } };
    default:
      return model;
  }
}

/** Returns the time at which the countdown completed while the client was disconnected, or null. */
function missedCompletion(before, now) {
  if (before?.sessionId !== now.sessionId || !before.state.isRunning) return null;
  const { state } = now;
  const isCompleted = countdownPhase(state) === 'ready' && state.startedAt === before.state.startedAt;
  return isCompleted && before.state.endsAt <= state.serverTime ? before.state.endsAt : null;
}

/** Returns the screen reader announcement of a message, or an empty text; `before` is the model before it. */
export function announcementOf({ type, payload }, before) {
  switch (type) {
    case 'session:joined':
      return missedCompletion(before.room, payload) === null ? '' : 'Time is up.';
    case 'timer:completed':
      return 'Time is up.';
    case 'timer:state':
      return announceState(before, payload);
    default:
      return '';
  }
}

function announceState({ room, completedAt }, state) {
  const old = room?.state;
  if (!old || old.rev === state.rev) return '';
  const [oldPhase, phase] = [countdownPhase(old), countdownPhase(state)];
  if (phase === 'ready') return oldPhase === 'ready' || completedAt !== null ? '' : 'The countdown was reset.';
  if (phase === 'paused') return oldPhase === 'paused' ? 'The remaining time has changed.' : 'The countdown is paused.';
  if (old.startedAt !== state.startedAt) return 'The countdown has started.';
  return oldPhase === 'paused' ? 'The countdown has resumed.' : 'The end time has changed.';
}
