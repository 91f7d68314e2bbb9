/** The messages of Clockit, dialect `v1`, and their validation: the server may be newer, or none of ours. */
import type { Message } from '../core/link.js';
import type { Answer } from '../core/outbox.js';
import type { ClockitV1ServerMessage, SessionAckMessage, SessionState, SessionTick } from '../generated/messages.js';

export type { Goal, GoalInput, SessionStart, SessionState } from '../generated/messages.js';

/** The value of a session at a second of the server's time. */
export type Tick = SessionTick;

/** What a command returns: the revision after it, and its session. */
export type Acknowledged = Required<Pick<SessionAckMessage, 'rev' | 'sessionId'>>;

/** A valid message of the server. */
export type ServerMessage =
  | { readonly type: 'ready' | 'session-snapshot'; readonly sessions: readonly SessionState[]; readonly serverTime: number }
  | { readonly type: 'session-update'; readonly session: SessionState; readonly removed: boolean }
  | { readonly type: 'tick'; readonly ticks: readonly Tick[]; readonly serverTime: number | undefined }
  | { readonly type: 'answer'; readonly answer: Answer<Acknowledged> }
  | { readonly type: 'error'; readonly code: string; readonly message: string; readonly retry: boolean };

/** Returns a message with valid content, or null for others, such as those of later versions. */
export function parseServerMessage(message: Message): ServerMessage | null {
  const { payload, serverTime } = message;
  const type = message.type as ClockitV1ServerMessage['type'];
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
