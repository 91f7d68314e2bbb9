/** HTTP requests to a server, with the client's credential. Failures are values, and none is thrown. */
import { httpUrl } from './endpoint.js';
/** A server that does not answer within this time counts as unreachable. */
const RESPONSE_TIMEOUT_MS = 30_000;
/** Sends a request once. */
export async function sendRequest(options, request) {
    const query = { ...request.query };
    const headers = { ...request.headers };
    try {
        const { credential } = options;
        if (credential && 'userId' in credential)
            query['userId'] = credential.userId;
        else if (credential)
            headers['authorization'] = `Bearer ${await tokenOf(credential.token)}`;
        const timeout = AbortSignal.timeout(RESPONSE_TIMEOUT_MS);
        const response = await (options.fetch ?? fetch)(httpUrl(options.url, request.path, query), {
            method: request.method ?? 'GET',
            headers,
            signal: request.signal ?? timeout,
            ...(request.body === undefined ? {} : { body: request.body }),
        });
        if (!response.ok)
            return { ok: false, error: await describe(response) };
        return { ok: true, value: await request.read(response) };
    }
    catch (cause) {
        return { ok: false, error: { kind: 'http', status: 0, message: String(cause), details: undefined, cause } };
    }
}
function tokenOf(token) {
    return typeof token === 'function' ? token({}) : token;
}
/** The answers of errors are JSON with a text, `message` or `error`. */
async function describe(response) {
    const { status, statusText } = response;
    const details = await response.json().catch(() => undefined);
    const { message, error } = (details ?? {});
    const text = [message, error, statusText].find((part) => typeof part === 'string' && part !== '');
    const seconds = Number(response.headers.get('retry-after') || NaN);
    return {
        kind: 'http',
        status,
        message: String(text ?? status),
        details,
        ...(seconds >= 0 ? { retryAfterMs: seconds * 1000 } : {}),
    };
}
