/** Screen reader announcements of changes to the user's sessions, from this device or another one. */
import { formatElapsed } from '../format.js';
import { t } from '../i18n/translate.js';

/** More changes at once, for example after a long disconnect, are summarised. */
const DETAILED_MAX = 3;

const TEXTS = {
  running: 'clockit.changed.running',
  paused: 'clockit.changed.paused',
  stopped: 'clockit.changed.stopped',
  removed: 'clockit.changed.removed',
  goals: 'clockit.changed.goals',
};

export function announcementOf(changes) {
  if (changes.length > DETAILED_MAX) return t('clockit.changed.many', { count: changes.length });
  return changes.map(describe).join(' ');
}

function describe({ kind, session: { state, elapsedMs } }) {
  return t(TEXTS[kind], { label: state.label || t('clockit.untitled'), elapsed: formatElapsed(elapsedMs) });
}
