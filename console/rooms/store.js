/** The room as the server last told it. Pure: a model and a message give the next model. */
import { phaseOf } from './countdown.js';

/** `room` is `{sessionId, clientId, name, resume, state, clients, count}`, or null; `completedAt` its last zero. */
export const EMPTY = { room: null, completedAt: null };

export function reduce(model, { type, payload }) {
  if (type === 'session:joined') return { room: payload, completedAt: missedZero(model.room, payload) };
  const { room } = model;
  if (!room || payload?.sessionId !== room.sessionId) return model;
  switch (type) {
    case 'timer:state': {
      if (payload.rev < room.state.rev) return model;
      const isIdle = phaseOf(payload) === 'ready';
      return { room: { ...room, state: payload }, completedAt: isIdle ? model.completedAt : null };
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

/** When the countdown came to zero while we were away, or null. */
function missedZero(before, now) {
  if (before?.sessionId !== now.sessionId || !before.state.isRunning) return null;
  const { state } = now;
  const isOver = phaseOf(state) === 'ready' && state.startedAt === before.state.startedAt;
  return isOver && before.state.endsAt <= state.serverTime ? before.state.endsAt : null;
}

/** What is worth saying of a message to someone who cannot see the page; `before` is the model before it. */
export function spoken({ type, payload }, before) {
  switch (type) {
    case 'session:joined':
      return missedZero(before.room, payload) === null ? '' : 'Time is up.';
    case 'timer:completed':
      return 'Time is up.';
    case 'timer:state':
      return saysOfState(before, payload);
    default:
      return '';
  }
}

function saysOfState({ room, completedAt }, state) {
  const old = room?.state;
  if (!old || old.rev === state.rev) return '';
  const [was, is] = [phaseOf(old), phaseOf(state)];
  if (is === 'ready') return was === 'ready' || completedAt !== null ? '' : 'The countdown is reset.';
  if (is === 'paused') return was === 'paused' ? 'The time that is left has changed.' : 'The countdown is paused.';
  if (old.startedAt !== state.startedAt) return 'The countdown has begun.';
  return was === 'paused' ? 'The countdown goes on.' : 'The end has moved.';
}
