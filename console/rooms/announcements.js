/** Screen reader announcements of changes to the room, by this member or another one. */
import { t } from '../i18n/translate.js';
import { countdownPhase, missedCompletion } from '../lib/tickcast/rooms/index.js';

/** Returns the screen reader announcement of a message, or an empty text; `before` is the model before it. */
export function announcementOf({ type, payload }, before) {
  switch (type) {
    case 'session:joined':
      return missedCompletion(before.room, payload) === null ? '' : t('rooms.announce.timeUp');
    case 'timer:completed':
      return t('rooms.announce.timeUp');
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
  if (phase === 'ready') return oldPhase === 'ready' || completedAt !== null ? '' : t('rooms.announce.reset');
  if (phase === 'paused') return t(oldPhase === 'paused' ? 'rooms.announce.changed' : 'rooms.announce.paused');
  if (old.startedAt !== state.startedAt) return t('rooms.announce.started');
  return t(oldPhase === 'paused' ? 'rooms.announce.resumed' : 'rooms.announce.endChanged');
}
