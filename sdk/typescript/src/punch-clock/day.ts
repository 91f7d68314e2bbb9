/** What a page displays of a working day: the day with the punches that wait, and the live seconds. Pure. */
import type { Punch, WorkDay, WorkStatus } from './protocol.js';

/** The seconds of the current run of work, or of the current break; the other is 0. */
export interface LiveSeconds {
  readonly workSeconds: number;
  readonly breakSeconds: number;
}

/** Returns the day with punches that the server has not answered yet. */
export function withPunches(day: WorkDay, punches: readonly Punch[]): WorkDay {
  const stored = new Set(day.entries.map(({ id }) => id));
  const added = punches.filter(({ id }) => !stored.has(id));
  if (added.length === 0) return day;
  const entries = [...day.entries, ...added].sort((a, b) => a.timestamp - b.timestamp);
  let { currentStatus, sessionStartTime } = day;
  const last = entries.at(-1)!;
  // Of two neighbours of one type the earlier stands.
  if (added.includes(last) && last.type !== currentStatus) {
    currentStatus = last.type;
    sessionStartTime = last.type === 'IN' ? last.timestamp : null;
  }
  return { ...day, entries, currentStatus, sessionStartTime };
}

/** Returns the live seconds at a whole second of the server's time. */
export function liveSeconds(day: WorkDay, beatMs: number): LiveSeconds {
  const seconds = (since: number | null) => (since === null ? 0 : Math.max(0, Math.floor((beatMs - since) / 1000)));
  if (day.currentStatus === 'IN') return { workSeconds: seconds(day.sessionStartTime), breakSeconds: 0 };
  return { workSeconds: 0, breakSeconds: seconds(breakStart(day)) };
}

/** Returns the punch of a button that is pressed at an instant of the server's time. */
export function createPunch(id: string, type: WorkStatus, now: number): Punch {
  const timestamp = Math.round(now);
  return { id, timestamp, type, time: new Date(timestamp).toTimeString().slice(0, 8) };
}

/** The OUT that stands last: of neighbouring OUTs the first. */
function breakStart({ entries }: WorkDay): number | null {
  let start: number | null = null;
  for (const { type, timestamp } of entries) {
    if (type === 'IN') start = null;
    else start ??= timestamp;
  }
  return entries.some(({ type }) => type === 'IN') ? start : null;
}
