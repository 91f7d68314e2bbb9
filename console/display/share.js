/** What a display shows of a countdown: its text, the share that remains, and how urgent that is. Pure. */
import { formatRemaining } from '../format.js';

/** Below these shares the display calls for attention, then for haste. */
const SOON = 0.25;
const NOW = 0.1;

/** Returns `{text, share, level}`; the level is `plenty`, `soon`, `now` or `over`. */
export function displayOf({ durationSeconds, remainingSeconds, isOver }) {
  const remaining = isOver ? 0 : remainingSeconds;
  const share = durationSeconds > 0 ? Math.min(1, remaining / durationSeconds) : 0;
  return { text: formatRemaining(remaining * 1000), share, level: isOver ? 'over' : levelOf(share) };
}

function levelOf(share) {
  if (share > SOON) return 'plenty';
  return share > NOW ? 'soon' : 'now';
}
