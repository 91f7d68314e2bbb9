/** The messages of Clockit, dialect `v1`, and their validation: the server may be newer, or none of ours. */
import type { Message } from '../core/link.js';
import type { Answer } from '../core/outbox.js';

/** A goal of a session. Unknown fields are kept as they came. */
export interface Goal {
  readonly id: string;
  readonly title: string;
  readonly completed: boolean;
  readonly completedAt?: unknown;
  readonly groupId?: string;
  readonly groupName?: string;
  readonly estimatedGoalTime?: unknown;
  readonly [field: string]: unknown;
}

/** A stopwatch session as the server has it. Times are server times in milliseconds since 1970. */
export interface SessionState {
  readonly sessionId: string;
  readonly userId: string;
  readonly label: string;
  /** The start of the current or last run. */
  readonly startedAt: number;
  /** The time of all earlier runs. */
  readonly accumulatedMs: number;
  readonly running: boolean;
  readonly goals: readonly Goal[];
  readonly groupId?: string;
  readonly groupName?: string;
  readonly comment?: string;
  readonly endedAt?: number;
  readonly pausedAt?: number;
}

/** The value of a session at a second of the server's time. */
export interface Tick {
  readonly sessionId: string;
  readonly elapsedMs: number;
  readonly running: boolean;
}

/** What a command returns: the revision after it, and its session. */
export interface Acknowledged {
  readonly rev: number;
  readonly sessionId: string;
}

/** A valid message of the server. */
export type ServerMessage =
  | { readonly type: 'ready' | 'session-snapshot'; readonly sessions: SessionState[]; readonly serverTime: number }
  | { readonly type: 'session-update'; readonly session: SessionState; readonly removed: boolean }
  | { readonly type: 'tick'; readonly ticks: Tick[]; readonly serverTime: number | undefined }
  | { readonly type: 'answer'; readonly answer: Answer<Acknowledged> }
  | { readonly type: 'error'; readonly code: string; readonly message: string; readonly retry: boolean };

/** Returns a message with valid content, or null for others, such as those of later versions. */
export function parseServerMessage(message: Message): ServerMessage | null {
  const { type, payload, serverTime } = message;
  switch (type) {
    case 'ready':
    case 'session-snapshot': {
      if (!Array.isArray(payload) || !isNumber(serverTime)) return null;
      return { type, sessions: payload.filter(isSessionState), serverTime };
    }
    case 'session-update':
      if (!isSessionState(payload)) return null;
      return { type, session: payload, removed: 'removed' in payload };
    case 'tick': {
      const ticks = [payload].flat().filter(isTick);
      return { type, ticks, serverTime: isNumber(serverTime) ? serverTime : undefined };
    }
    case 'ack': {
      const { id, rev, sessionId } = message;
      return { type: 'answer', answer: { id, ok: true, value: { rev: Number(rev), sessionId: String(sessionId) } } };
    }
    case 'error':
      return parseError(message);
    default:
      return null;
  }
}

function parseError({ id, payload }: Message): ServerMessage {
  const { code, message, retry } = (payload ?? {}) as Record<string, unknown>;
  const error = { code: String(code ?? 'unknown'), message: String(message ?? ''), retry: retry === true };
  return id === undefined ? { type: 'error', ...error } : { type: 'answer', answer: { id, ok: false, ...error } };
}

function isSessionState(value: unknown): value is SessionState {
  const state = value as Partial<SessionState> | null;
  return (
    typeof state?.sessionId === 'string' &&
    typeof state.label === 'string' &&
    isNumber(state.startedAt) &&
    isNumber(state.accumulatedMs) &&
    typeof state.running === 'boolean' &&
    Array.isArray(state.goals)
  );
}

function isTick(value: unknown): value is Tick {
  const tick = value as Partial<Tick> | null;
  return typeof tick?.sessionId === 'string' && isNumber(tick.elapsedMs) && typeof tick.running === 'boolean';
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}
