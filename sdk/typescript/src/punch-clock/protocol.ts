/** The documents of the punch clock, and their validation. */
import type { Message } from '../core/link.js';

/** Whether a person is at work. */
export type WorkStatus = 'IN' | 'OUT';

/** One punch. `timestamp` is in milliseconds since 1970; `time` is `HH:MM:SS` in the zone of the person. */
export interface Punch {
  readonly id: string | number;
  readonly timestamp: number;
  readonly type: WorkStatus;
  readonly time?: string;
}

/** A person's current day as the server has it. */
export interface WorkDay {
  readonly userId: string;
  readonly userEmail: string;
  readonly userName: string;
  readonly currentStatus: WorkStatus;
  readonly entries: readonly Punch[];
  readonly dailyStats: { readonly totalWorkMinutes: number; readonly totalBreakMinutes: number; readonly isComplete: boolean };
  readonly currentTheme: string;
  /** The day in the person's zone, `YYYY-MM-DD`. */
  readonly lastActiveDate: string;
  readonly lastActivity: string;
  /** The start of the current run of work, in milliseconds since 1970, or null. */
  readonly sessionStartTime: number | null;
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** Why a punch or a theme of a request has no effect. */
export interface Ignored {
  readonly id: string | number;
  readonly reason: string;
}

/** An archived day; its dates are ISO 8601 texts. */
export interface DayLog {
  readonly _id: string;
  readonly date: string;
  readonly entries: readonly { readonly id: string | number; readonly timestamp: string; readonly type: WorkStatus; readonly time?: string }[];
  readonly dailyStats: WorkDay['dailyStats'];
  readonly theme: string;
  readonly [field: string]: unknown;
}

/** Some archived days, newest first. */
export interface DayLogPage {
  readonly logs: readonly DayLog[];
  readonly pagination: {
    readonly currentPage: number;
    readonly totalPages: number;
    readonly totalLogs: number;
    readonly hasNextPage: boolean;
    readonly hasPrevPage: boolean;
  };
}

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

function isStatus(value: unknown): value is WorkStatus {
  return value === 'IN' || value === 'OUT';
}
