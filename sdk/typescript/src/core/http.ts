/** HTTP requests to a server, with the client's credential. Failures are values, and none is thrown. */
import { httpUrl, type Credential } from './endpoint.js';
import type { HttpError } from './errors.js';

/** A server that does not answer within this time counts as unreachable. */
const RESPONSE_TIMEOUT_MS = 30_000;

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
  readonly query?: Record<string, string>;
  readonly headers?: Record<string, string>;
  readonly body?: BodyInit;
  readonly signal?: AbortSignal;
  read(response: Response): Promise<T>;
}

/** Sends a request once. */
export async function sendRequest<T>(options: HttpOptions, request: HttpRequest<T>): Promise<HttpResult<T>> {
  const query = { ...request.query };
  const headers: Record<string, string> = { ...request.headers };
  try {
    const { credential } = options;
    if (credential && 'userId' in credential) query['userId'] = credential.userId;
    else if (credential) headers['authorization'] = `Bearer ${await tokenOf(credential.token)}`;
    const timeout = AbortSignal.timeout(RESPONSE_TIMEOUT_MS);
    const response = await (options.fetch ?? fetch)(httpUrl(options.url, request.path, query), {
      method: request.method ?? 'GET',
      headers,
      signal: request.signal ?? timeout,
      ...(request.body === undefined ? {} : { body: request.body }),
    });
    if (!response.ok) return { ok: false, error: await describe(response) };
    return { ok: true, value: await request.read(response) };
  } catch (cause) {
    return { ok: false, error: { kind: 'http', status: 0, message: String(cause), details: undefined, cause } };
  }
}

function tokenOf(token: Extract<Credential, { token: unknown }>['token']): string | Promise<string> {
  return typeof token === 'function' ? token({}) : token;
}

/** The answers of errors are JSON with a text, `message` or `error`. */
async function describe(response: Response): Promise<HttpError> {
  const { status, statusText } = response;
  const details: unknown = await response.json().catch(() => undefined);
  const { message, error } = (details ?? {}) as { message?: unknown; error?: unknown };
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
