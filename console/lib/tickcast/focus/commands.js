import { REQUEST_MAX_MS } from '../core/http.js';
import { patientAnswer } from '../core/http-answer.js';
export const COMMAND_LIMITS = {
    // A command waits for as long as a person remembers it.
    resendWindowMs: 24 * 3_600_000,
    queuedMaxMs: 24 * 3_600_000,
    attemptsMax: Infinity,
    // Two requests at once could overtake the next command: requests have no ids.
    responseTimeoutMs: REQUEST_MAX_MS,
};
/** Sends a command; returns the session after it, and the answer. */
export async function sendStatus(requests, { id, payload }) {
    const { sessionId, status } = payload;
    const isEnd = status !== 'active' && status !== 'paused';
    const result = isEnd ? await requests.end(sessionId, status) : await requests.change(sessionId, { status });
    // No command is given up because a server is not reached.
    if (!result.ok)
        return { result, answer: patientAnswer(id, result.error, requests.credential) };
    const session = result.value;
    // Of two ends the first stands, and nothing reopens a session.
    if (isEnd || session.status === status)
        return { result, answer: { id, ok: true, value: { session } } };
    return { result, answer: { id, ok: false, code: 'ended', message: 'the session has ended', retry: false } };
}
