/** The documents of the punch clock, and their validation. */
import type { Message } from '../core/link.js';
import type { DailyLog, DailyLogList, IgnoredEntry, PunchEntry, PunchType, UserSession } from '../generated/messages.js';

/** Whether a person is at work. */
export type WorkStatus = PunchType;

/** One punch. `timestamp` is in milliseconds since 1970; `time` is `HH:MM:SS` in the zone of the person. */
export type Punch = PunchEntry;

/** A person's current day as the server has it. */
export type WorkDay = UserSession;

/**
 * Changes of a day that a client posts. `updatedAt` is that of the document in which the theme was chosen. The server takes
 * `entries` and `currentTheme`, and derives the other fields itself.
 */
export type DayChanges = Partial<Pick<WorkDay, 'entries' | 'currentTheme' | 'updatedAt' | 'currentStatus' | 'sessionStartTime' | 'dailyStats'>>;

/** Why a punch or a theme of a request has no effect. */
export type Ignored = IgnoredEntry;

/** An archived day; its dates are ISO 8601 texts. */
export type DayLog = DailyLog;

/** Some archived days, newest first. */
export type DayLogPage = DailyLogList;

/** Returns the day of a message `session`, or null. */
export function parseDay({ type, payload }: Message): WorkDay | null {
  return type === 'session' && isWorkDay(payload) ? payload : null;
}

/** Returns whether a value is a whole document. */
export function isWorkDay(value: unknown): value is WorkDay {
  const day = value as Partial<WorkDay> | null;
  return (
    Array.isArray(day?.entries) &&
    day.entries.every(isPunch) &&
    isStatus(day.currentStatus) &&
    (day.sessionStartTime === null || typeof day.sessionStartTime === 'number') &&
    typeof day.dailyStats === 'object' &&
    day.dailyStats !== null &&
    typeof day.updatedAt === 'string'
  );
}

/** Returns whether a value is a punch. */
export function isPunch(value: unknown): value is Punch {
  const punch = value as Partial<Punch> | null;
  const hasId = typeof punch?.id === 'string' || typeof punch?.id === 'number';
  return hasId && typeof punch.timestamp === 'number' && Number.isFinite(punch.timestamp) && isStatus(punch.type);
}

/** Returns whether a value is a page of archived days. */
export function isDayLogPage(value: unknown): value is DayLogPage {
  const page = value as Partial<DayLogPage> | null;
  const { currentPage, totalPages, totalLogs } = page?.pagination ?? {};
  return Array.isArray(page?.logs) && page.logs.every(isDayLog) && [currentPage, totalPages, totalLogs].every(Number.isFinite);
}

function isDayLog(value: unknown): value is DayLog {
  const log = value as Partial<DayLog> | null;
  return typeof log?.date === 'string' && Array.isArray(log.entries) && typeof log.dailyStats === 'object' && log.dailyStats !== null;
}

function isStatus(value: unknown): value is WorkStatus {
  return value === 'IN' || value === 'OUT';
}
