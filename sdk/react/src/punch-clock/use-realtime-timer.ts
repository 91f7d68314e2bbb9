/** The live display of a working day, second by second, and its buttons. */
import { useEffect, useMemo, useRef, useSyncExternalStore } from 'react';
import { defaultPlatform, randomId } from '@tickcast/client';
import { createPunch, liveSeconds, type WorkStatus } from '@tickcast/client/punch-clock';
import { COMPLETE_MINUTES, dailyStatsAt, dayTotals, type DailyStats } from './day-totals.js';
import { formatMinutesToHours, formatSecondsToHMS } from './format.js';
import { SecondClock } from './second-clock.js';
import type { UserSession } from './session-manager.js';
import { clockOf } from './use-session-manager.js';

/** What `useRealtimeTimer` returns. */
export interface RealtimeTimer {
  /** The seconds of the current run of work, or 0 during a break. */
  readonly liveWorkSeconds: number;
  /** The seconds of the current break, or 0 during work. */
  readonly liveBreakSeconds: number;
  /** The totals of the day up to now. */
  readonly dailyStats: DailyStats;
  /** Begins to work. The punch is dated now. */
  clockIn(): void;
  /** Ends or interrupts the work. */
  clockOut(): void;
  /** Returns seconds as `HH:MM:SS`. */
  formatSecondsToHMS(seconds: number): string;
  /** Returns minutes as `7h 30m`. */
  formatMinutesToHours(minutes: number): string;
  /** Returns the share of the working day of 8 hours that is done, from 0 to 100. */
  getProgressPercentage(): number;
  /** Returns the minutes of work until the day is complete. */
  getRemainingTime(): number;
}

/** The clock of the device, for days that no `useSessionManager` manages. */
const deviceClock = new SecondClock(defaultPlatform, () => defaultPlatform.now());

const NO_STATS: DailyStats = { totalWorkMinutes: 0, totalBreakMinutes: 0, isComplete: false };

/** Returns the live seconds and totals of a day, and what punches. It keeps the `dailyStats` of the day up to date. */
export function useRealtimeTimer(sessionData: UserSession | null, updateSessionData: (updates: Partial<UserSession>) => void): RealtimeTimer {
  const clock = useMemo(() => storeOf(clockOf(updateSessionData) ?? (() => deviceClock)), [updateSessionData]);
  const second = useSyncExternalStore<number | null>(clock.subscribe, clock.getSnapshot, () => null);
  const entries = sessionData?.entries;
  const stats = entries && second !== null ? dailyStatsAt(entries, second) : (sessionData?.dailyStats ?? NO_STATS);
  const { totalWorkMinutes, totalBreakMinutes, isComplete } = stats;
  const dailyStats = useMemo(() => ({ totalWorkMinutes, totalBreakMinutes, isComplete }), [totalWorkMinutes, totalBreakMinutes, isComplete]);
  useEffect(() => {
    if (sessionData && !isSame(sessionData.dailyStats, dailyStats)) updateSessionData({ dailyStats });
  }, [sessionData, dailyStats, updateSessionData]);

  const latest = useRef(sessionData);
  useEffect(() => {
    latest.current = sessionData;
  });
  const buttons = useMemo(() => {
    const punch = (type: WorkStatus) => {
      const entry = createPunch(randomId(), type, clock.now());
      const sessionStartTime = type === 'IN' ? entry.timestamp : null;
      updateSessionData({ entries: [...(latest.current?.entries ?? []), entry], currentStatus: type, sessionStartTime });
    };
    return { clockIn: () => punch('IN'), clockOut: () => punch('OUT') };
  }, [clock, updateSessionData]);

  const { workSeconds, breakSeconds } = sessionData && second !== null ? liveSeconds(sessionData, second) : { workSeconds: 0, breakSeconds: 0 };
  const workMinutes = entries && second !== null ? dayTotals(entries, second).workMs / 60_000 : totalWorkMinutes;
  return {
    liveWorkSeconds: workSeconds,
    liveBreakSeconds: breakSeconds,
    dailyStats,
    ...buttons,
    formatSecondsToHMS,
    formatMinutesToHours,
    getProgressPercentage: () => Math.min(100, (workMinutes / COMPLETE_MINUTES) * 100),
    getRemainingTime: () => Math.max(0, COMPLETE_MINUTES - totalWorkMinutes),
  };
}

/** A clock that is read when the component is mounted: rendering on a server reads none. */
function storeOf(clock: () => SecondClock) {
  return {
    subscribe: (listener: () => void) => clock().subscribe(listener),
    getSnapshot: () => clock().getSnapshot(),
    now: () => clock().now(),
  };
}

function isSame(a: DailyStats, b: DailyStats): boolean {
  return a.totalWorkMinutes === b.totalWorkMinutes && a.totalBreakMinutes === b.totalBreakMinutes && a.isComplete === b.isComplete;
}
