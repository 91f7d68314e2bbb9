/** The totals of a working day at an instant. Pure. */
import type { Punch, WorkDay } from '@tickcast/client/punch-clock';

/** The totals of a day, as the document has them. */
export type DailyStats = WorkDay['dailyStats'];

/** The work after which a day is complete, as the server has it. */
export const COMPLETE_MINUTES = 480;

const MINUTE_MS = 60_000;

/** Returns the worked time and the breaks until an instant, in milliseconds. Of two neighbours of one type the earlier stands. */
export function dayTotals(entries: readonly Punch[], now: number): { readonly workMs: number; readonly breakMs: number } {
  let workMs = 0;
  let breakMs = 0;
  let last: Punch | null = null;
  for (const punch of entries) {
    if (punch.type === (last?.type ?? 'OUT')) continue;
    if (last?.type === 'IN') workMs += punch.timestamp - last.timestamp;
    else if (last) breakMs += punch.timestamp - last.timestamp;
    last = punch;
  }
  const openMs = last ? Math.max(0, now - last.timestamp) : 0;
  return last?.type === 'IN' ? { workMs: workMs + openMs, breakMs } : { workMs, breakMs: breakMs + openMs };
}

/** Returns the totals as the server derives them. */
export function dailyStatsAt(entries: readonly Punch[], now: number): DailyStats {
  const { workMs, breakMs } = dayTotals(entries, now);
  return {
    totalWorkMinutes: Math.round(workMs / MINUTE_MS),
    totalBreakMinutes: Math.round(breakMs / MINUTE_MS),
    isComplete: workMs >= COMPLETE_MINUTES * MINUTE_MS,
  };
}
