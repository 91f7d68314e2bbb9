/** Screen reader announcements of changes to the room, by this member or another one. */
import { countdownPhase, missedCompletion } from '../lib/tickcast/rooms/index.js';

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
