/** The commands that pause, resume and end a session: each sets its status, so that a repeated one changes nothing. */
import type { Command } from '../core/errors.js';
import { REQUEST_MAX_MS, type HttpResult } from '../core/http.js';
import { patientAnswer } from '../core/http-answer.js';
import type { Answer, OutboxLimits } from '../core/outbox.js';
import type { FocusEnding, FocusOpenStatus, FocusSession } from './protocol.js';
import type { FocusRequests } from './requests.js';

export const COMMAND_LIMITS: OutboxLimits = {
  // A command waits for as long as a person remembers it.
  resendWindowMs: 24 * 3_600_000,
  queuedMaxMs: 24 * 3_600_000,
  attemptsMax: Infinity,
  // Two requests at once could overtake the next command: requests have no ids.
  responseTimeoutMs: REQUEST_MAX_MS,
};

/** What a command returns: the session after it. */
export interface FocusChanged {
  readonly session: FocusSession;
}

/** The payload of a command. */
export interface StatusChange {
  readonly sessionId: string;
  readonly status: FocusOpenStatus | FocusEnding;
}

/** Sends a command; returns the session after it, and the answer. */
export async function sendStatus(requests: FocusRequests, { id, payload }: Command): Promise<{ result: HttpResult<FocusSession>; answer: Answer<FocusChanged> }> {
  const { sessionId, status } = payload as unknown as StatusChange;
  const isEnd = status !== 'active' && status !== 'paused';
  const result = isEnd ? await requests.end(sessionId, status) : await requests.change(sessionId, { status });
  // No command is given up because a server is not reached.
  if (!result.ok) return { result, answer: patientAnswer(id, result.error, requests.credential) };
  const session = result.value;
  // Of two ends the first stands, and nothing reopens a session.
  if (isEnd || session.status === status) return { result, answer: { id, ok: true, value: { session } } };
  return { result, answer: { id, ok: false, code: 'ended', message: 'the session has ended', retry: false } };
}
