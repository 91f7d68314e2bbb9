/** HTTP requests to a server, with the client's credential. Failures are values, and none is thrown. */
import { httpUrl } from './endpoint.js';
/** A server that does not answer within this time counts as unreachable. */
const RESPONSE_TIMEOUT_MS = 30_000;
/** A request has ended by then, also if it was sent again with a fresh token. */
export const REQUEST_MAX_MS = 2 * RESPONSE_TIMEOUT_MS + 5_000;
/** Sends a request; once more, with a fresh token, if the server does not accept the token. */
export async function sendRequest(options, request) {
    const { credential } = options;
    const provider = credential && 'token' in credential && typeof credential.token === 'function' ? credential.token : null;
    const present = async (rejected) => (provider ? { token: await provider(rejected === undefined ? {} : { rejected }) } : credential);
    try {
        const first = await present();
        let response = await send(options, request, first);
        if (response.status === 401 && provider)
            response = await send(options, request, await present(first.token));
        if (!response.ok)
            return { ok: false, error: await describe(response) };
        return { ok: true, value: await request.read(response) };
    }
    catch (cause) {
        return { ok: false, error: { kind: 'http', status: 0, message: String(cause), details: undefined, cause } };
    }
}
/**
 * Posts JSON when the page is left. A beacon is sent whatever happens to the page, but has no header for a token. Whether
 * the request arrives is not known.
 */
export function sendOnLeave(options, path, json) {
    const { url, credential } = options;
    const isToken = credential !== undefined && 'token' in credential;
    if (!isToken && !options.fetch && globalThis.navigator?.sendBeacon?.(httpUrl(url, path, { ...credential }), JSON.stringify(json)))
        return;
    void sendRequest(options, { method: 'POST', path, json, keepalive: true, read: async () => { } });
}
/** Without a credential, the cookies of the server's site are sent, also from a page of another origin. */
function send({ url, ...options }, request, credential) {
    const { json, body = json && JSON.stringify(json) } = request;
    const given = Object.entries(request.query ?? {}).filter(([, value]) => value !== undefined);
    const query = Object.fromEntries(given.map(([name, value]) => [name, String(value)]));
    const headers = { ...(json ? { 'content-type': 'application/json' } : {}), ...request.headers };
    if (credential && 'userId' in credential)
        query['userId'] = credential.userId;
    else if (credential)
        headers['authorization'] = `Bearer ${credential.token}`;
    return (options.fetch ?? fetch)(httpUrl(url, request.path, query), {
        method: request.method ?? 'GET',
        headers,
        signal: request.signal ?? AbortSignal.timeout(RESPONSE_TIMEOUT_MS),
        ...(credential ? {} : { credentials: 'include' }),
        ...(body === undefined ? {} : { body }),
        ...(request.keepalive ? { keepalive: true } : {}),
    });
}
/** The answers of errors are JSON with a text: `message`, `error`, or the `message` of the object `error`. */
async function describe(response) {
    const { status, statusText } = response;
    const details = await response.json().catch(() => undefined);
    const { message, error } = (details ?? {});
    const nested = error?.message;
    const text = [message, error, nested, statusText].find((part) => typeof part === 'string' && part !== '');
    const seconds = Number(response.headers.get('retry-after') || NaN);
    return {
        kind: 'http',
        status,
        message: String(text ?? status),
        details,
        ...(seconds >= 0 ? { retryAfterMs: seconds * 1000 } : {}),
    };
}
