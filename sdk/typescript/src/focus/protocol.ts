/** The messages and documents of Focus, and their validation: the server may be newer, or none of ours. */
import type { Message } from '../core/link.js';
import type { FocusSession, FocusStatsAnswer, FocusStatus } from '../generated/messages.js';

export type { FocusEnding, FocusOpenStatus, FocusSession, FocusSessionChange, FocusStatus, NewFocusSession } from '../generated/messages.js';

/** What all ended sessions of a person add up to. */
export type FocusStats = FocusStatsAnswer;

/** The counted seconds of a session, and how often the person has left the page. */
export interface FocusCounters {
  readonly elapsedSeconds: number;
  readonly activeSeconds: number;
  readonly idleSeconds: number;
  readonly tabSwitches: number;
}

/** The counters of the tracked session at a whole second of the server's time. */
export interface FocusTick extends FocusCounters {
  readonly idle: boolean;
}

/** A valid message of the server. */
export type FocusMessage =
  | { readonly type: 'connected' }
  | { readonly type: 'started'; readonly id: unknown; readonly sessionId: string }
  | { readonly type: 'tick'; readonly tick: FocusTick }
  | { readonly type: 'stopped'; readonly sessionId: string; readonly focusScore: number }
  | { readonly type: 'error'; readonly id: unknown; readonly code: string; readonly message: string; readonly retry: boolean };

const STATUSES: readonly unknown[] = ['active', 'paused', 'completed', 'abandoned', 'cancelled'] satisfies FocusStatus[];

/** Returns a message with valid content, or null for others, such as those of later versions. */
export function parseFocusMessage(message: Message): FocusMessage | null {
  const { type, id, sessionId, focusScore } = message;
  switch (type) {
    case 'connected':
      return { type };
    case 'started':
      return typeof sessionId === 'string' ? { type, id, sessionId } : null;
    case 'tick':
      return isTick(message) ? { type, tick: message } : null;
    case 'stopped':
      return typeof sessionId === 'string' && isCount(focusScore) ? { type, sessionId, focusScore } : null;
    case 'error':
      return { type, id, code: String(message['code'] ?? 'unknown'), message: String(message['message'] ?? ''), retry: message['retry'] === true };
    default:
      return null;
  }
}

/** Returns whether a session has not ended. */
export function isOpen({ status }: FocusSession): boolean {
  return status === 'active' || status === 'paused';
}

/** Returns whether a value is the status of a session. */
export function isStatus(value: unknown): value is FocusStatus {
  return STATUSES.includes(value);
}

/** Returns whether a value is a whole session. */
export function isFocusSession(value: unknown): value is FocusSession {
  const session = value as Partial<FocusSession> | null;
  return (
    typeof session?.id === 'string' &&
    isStatus(session.status) &&
    typeof session.subject === 'string' &&
    typeof session.targetMinutes === 'number' &&
    isCount(session.focusScore) &&
    typeof session.updatedAt === 'string' &&
    hasCounters(session)
  );
}

/** Returns whether a value contains the statistics of a person. */
export function isFocusStats(value: unknown): value is FocusStats {
  const stats = value as Partial<FocusStats> | null;
  return [stats?.focusScore, stats?.streak, stats?.dayStreak, stats?.totalFocusMinutes, stats?.completedSessions].every(isCount);
}

function isTick(value: object): value is FocusTick {
  return typeof (value as Partial<FocusTick>).idle === 'boolean' && hasCounters(value);
}

function hasCounters(value: object): value is FocusCounters {
  const { elapsedSeconds, activeSeconds, idleSeconds, tabSwitches } = value as Partial<FocusCounters>;
  return [elapsedSeconds, activeSeconds, idleSeconds, tabSwitches].every(isCount);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}
