/** HTTP requests to a server, with the client's credential. Failures are values, and none is thrown. */
import { httpUrl, type Credential } from './endpoint.js';
import type { HttpError } from './errors.js';

/** A server that does not answer within this time counts as unreachable. */
const RESPONSE_TIMEOUT_MS = 30_000;

/** A request has ended by then, also if it was sent again with a fresh token. */
export const REQUEST_MAX_MS = 2 * RESPONSE_TIMEOUT_MS + 5_000;

/** Where requests go, and who sends them. */
export interface HttpOptions {
  /** The server's URL, with a path prefix if there is one. */
  readonly url: string | URL;
  readonly credential?: Credential;
  /** The `fetch` of the environment by default. */
  readonly fetch?: typeof fetch;
}

/** The value of a request, or why there is none. */
export type HttpResult<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: HttpError };

/** One request. `read` takes the value from an answer of success. */
export interface HttpRequest<T> {
  readonly method?: string;
  readonly path: string;
  /** What is undefined is not sent. */
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** The value of a body of JSON. */
  readonly json?: object;
  readonly body?: string;
  readonly signal?: AbortSignal;
  /** Whether the browser continues the request after the end of the page. */
  readonly keepalive?: boolean;
  read(response: Response): Promise<T>;
}

/** Sends a request; once more, with a fresh token, if the server does not accept the token. */
export async function sendRequest<T>(options: HttpOptions, request: HttpRequest<T>): Promise<HttpResult<T>> {
  const { credential } = options;
  const provider = credential && 'token' in credential && typeof credential.token === 'function' ? credential.token : null;
  const present = async (rejected?: string) => (provider ? { token: await provider(rejected === undefined ? {} : { rejected }) } : credential);
  try {
    const first = await present();
    let response = await send(options, request, first);
    if (response.status === 401 && provider) response = await send(options, request, await present((first as { token: string }).token));
    if (!response.ok) return { ok: false, error: await describe(response) };
    return { ok: true, value: await request.read(response) };
  } catch (cause) {
    return { ok: false, error: { kind: 'http', status: 0, message: String(cause), details: undefined, cause } };
  }
}

/**
 * Posts JSON when the page is left. A beacon is sent whatever happens to the page, but has no header for a token. Whether
 * the request arrives is not known.
 */
export function sendOnLeave(options: HttpOptions, path: string, json: object): void {
  const { url, credential } = options;
  const isToken = credential !== undefined && 'token' in credential;
  if (!isToken && !options.fetch && globalThis.navigator?.sendBeacon?.(httpUrl(url, path, { ...credential }), JSON.stringify(json))) return;
  void sendRequest(options, { method: 'POST', path, json, keepalive: true, read: async () => {} });
}

/** Without a credential, the cookies of the server's site are sent, also from a page of another origin. */
function send({ url, ...options }: HttpOptions, request: HttpRequest<unknown>, credential: Credential | undefined): Promise<Response> {
  const { json, body = json && JSON.stringify(json) } = request;
  const given = Object.entries(request.query ?? {}).filter(([, value]) => value !== undefined);
  const query: Record<string, string> = Object.fromEntries(given.map(([name, value]) => [name, String(value)]));
  const headers: Record<string, string> = { ...(json ? { 'content-type': 'application/json' } : {}), ...request.headers };
  if (credential && 'userId' in credential) query['userId'] = credential.userId;
  else if (credential) headers['authorization'] = `Bearer ${credential.token}`;
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
async function describe(response: Response): Promise<HttpError> {
  const { status, statusText } = response;
  const details: unknown = await response.json().catch(() => undefined);
  const { message, error } = (details ?? {}) as { message?: unknown; error?: unknown };
  const nested = (error as { message?: unknown } | null | undefined)?.message;
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
