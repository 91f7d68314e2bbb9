/** Screen reader announcements of changes to the user's sessions, from this device or another one. */
import { formatElapsed } from '../format.js';

/** More changes at once, for example after a long disconnect, are summarised. */
const DETAILED_MAX = 3;

const VERBS = {
  running: () => 'is running',
  paused: (elapsed) => `paused at ${elapsed}`,
  stopped: (elapsed) => `stopped at ${elapsed}`,
  removed: () => 'removed',
  goals: () => 'goals changed',
};

export function announcementOf(changes) {
  if (changes.length > DETAILED_MAX) return `${changes.length} timers have changed.`;
  return changes
    .map(({ kind, session: { state, elapsedMs } }) => `${state.label || 'Untitled'} ${VERBS[kind](formatElapsed(elapsedMs))}.`)
    .join(' ');
}
