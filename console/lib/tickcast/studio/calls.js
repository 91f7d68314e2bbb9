import { sendRequest } from '../core/http.js';
import { failedAnswer } from '../core/http-answer.js';
import { parseErrorCode, parseResult } from './protocol.js';
/** Statuses after which the same call can succeed: none of them says that the call is wrong. */
const RETRIED = [0, 408, 429, 502, 503, 504];
/** Calls a query. `isValid` checks its result. */
export function query(options, path, input, isValid) {
    return sendRequest(options, {
        path: `api/trpc/${path}`,
        query: { input: JSON.stringify(input) },
        read: async (response) => read(await response.json(), isValid),
    });
}
/** Calls a mutation. The server carries out each id once within some minutes. */
export async function mutate(options, { id, type, payload }, isValid) {
    const result = await sendRequest(options, {
        method: 'POST',
        path: `api/trpc/${type}`,
        headers: { 'idempotency-key': id },
        json: payload,
        read: async (response) => read(await response.json(), isValid),
    });
    if (result.ok)
        return { id, ok: true, value: { value: result.value } };
    const { status, details } = result.error;
    const code = parseErrorCode(details) ?? (status === 0 ? 'no_answer' : `http_${status}`);
    return failedAnswer(id, result.error, { code, retry: RETRIED.includes(status) });
}
function read(envelope, isValid) {
    const result = parseResult(envelope);
    if (!isValid(result))
        throw new Error('the answer contains no result of the procedure');
    return result;
}
