/** The reader's target for a day of work, in this browser. */
import { attempt } from '../storage.js';

const KEY = 'tickcast.punchClock.targetHours';

/** The server counts a day as complete after 8 hours. */
const DEFAULT_HOURS = 8;

export function loadTargetHours(storage) {
  const hours = Number(attempt(() => storage?.getItem(KEY)));
  return hours > 0 && hours <= 24 ? hours : DEFAULT_HOURS;
}

export function saveTargetHours(storage, hours) {
  attempt(() => storage?.setItem(KEY, String(hours)));
}
