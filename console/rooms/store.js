/** The room as the server last told it. Pure: a model and a message give the next model. */

/** `room` is `{sessionId, clientId, name, resume, state, clients, count}`, or null; `completedAt` its last zero. */
export const EMPTY = { room: null, completedAt: null };

export function reduce(model, { type, payload }) {
  if (type === 'session:joined') return { room: payload, completedAt: null };
  const { room } = model;
  if (!room || payload?.sessionId !== room.sessionId) return model;
  switch (type) {
    case 'timer:state':
      return payload.rev >= room.state.rev ? { ...model, room: { ...room, state: payload } } : model;
    case 'timer:completed':
      return { ...model, completedAt: payload.completedAt };
    case 'session:user-joined':
    case 'session:user-left':
      return { ...model, room: { ...room, clients: payload.clients, count: payload.count } };
    default:
      return model;
  }
}

/** What is worth saying of a message to someone who cannot see the page. */
export function spoken({ type, payload }, before) {
  switch (type) {
    case 'session:user-joined':
      return `${payload.client.name} has joined.`;
    case 'session:user-left':
      return `${payload.client.name} has left.`;
    case 'timer:completed':
      return 'Time is up.';
    case 'timer:state':
      return saysOfState(before.room?.state, payload);
    default:
      return '';
  }
}

function saysOfState(old, state) {
  if (!old || old.rev === state.rev) return '';
  if (state.isRunning) return old.isRunning ? 'The end has moved.' : 'The countdown runs.';
  if (state.isPaused) return 'The countdown is paused.';
  return '';
}
