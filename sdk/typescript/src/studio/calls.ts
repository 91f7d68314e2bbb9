/** Calls of Studio's procedures by tRPC 11 over HTTP, without a transformer and without batches. */
import type { Command } from '../core/errors.js';
import { sendRequest, type HttpOptions, type HttpResult } from '../core/http.js';
import { failedAnswer } from '../core/http-answer.js';
import type { Answer } from '../core/outbox.js';
import type { StudioProcedures } from '../generated/messages.js';
import { parseErrorCode, parseResult, type MutationPath, type QueryPath } from './protocol.js';

/** What a mutation returns. */
export interface StudioResult {
  readonly value: StudioProcedures[MutationPath]['result'];
}

/** Statuses after which the same call can succeed: none of them says that the call is wrong. */
const RETRIED = [0, 408, 429, 502, 503, 504];

/** Calls a query. `isValid` checks its result. */
export function query<Path extends QueryPath>(
  options: HttpOptions,
  path: Path,
  input: StudioProcedures[Path]['input'],
  isValid: (result: unknown) => result is StudioProcedures[Path]['result'],
): Promise<HttpResult<StudioProcedures[Path]['result']>> {
  return sendRequest(options, {
    path: `api/trpc/${path}`,
    query: { input: JSON.stringify(input) },
    read: async (response) => read(await response.json(), isValid),
  });
}

/** Calls a mutation. The server carries out each id once within some minutes. */
export async function mutate(
  options: HttpOptions,
  { id, type, payload }: Command,
  isValid: (result: unknown) => result is StudioResult['value'],
): Promise<Answer<StudioResult>> {
  const result = await sendRequest(options, {
    method: 'POST',
    path: `api/trpc/${type}`,
    headers: { 'idempotency-key': id },
    json: payload,
    read: async (response) => read(await response.json(), isValid),
  });
  if (result.ok) return { id, ok: true, value: { value: result.value } };
  const { status, details } = result.error;
  const code = parseErrorCode(details) ?? (status === 0 ? 'no_answer' : `http_${status}`);
  return failedAnswer(id, result.error, { code, retry: RETRIED.includes(status) });
}

function read<Result>(envelope: unknown, isValid: (result: unknown) => result is Result): Result {
  const result = parseResult(envelope);
  if (!isValid(result)) throw new Error('the answer contains no result of the procedure');
  return result;
}
