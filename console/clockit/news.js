/** What a screen reader hears when the person's sessions change, here or on another device. */
import { hms } from '../format.js';

/** More than this at once, after an absence for instance, would only be noise. */
const SPOKEN = 3;

const VERBS = {
  running: () => 'is running',
  paused: (elapsed) => `paused at ${elapsed}`,
  stopped: (elapsed) => `stopped at ${elapsed}`,
  removed: () => 'removed',
  goals: () => 'has changed goals',
};

export function spoken(news) {
  if (news.length > SPOKEN) return `${news.length} timers have changed.`;
  return news
    .map(({ kind, state, elapsedMs }) => `${state.label || 'Untitled'} ${VERBS[kind](hms(elapsedMs))}.`)
    .join(' ');
}
