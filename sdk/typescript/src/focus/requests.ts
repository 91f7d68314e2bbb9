/** The HTTP requests of Focus. Each has its effect once, however often it is repeated, except for the creation of a session. */
import { sendRequest, type HttpOptions, type HttpRequest, type HttpResult } from '../core/http.js';
import type { Credential } from '../core/endpoint.js';
import {
  isFocusSession,
  isFocusStats,
  type FocusEnding,
  type FocusSession,
  type FocusSessionChange,
  type FocusStats,
  type FocusStatus,
  type NewFocusSession,
} from './protocol.js';

const SESSIONS = 'api/sessions';

/** Which sessions to list. `before` is the id of a session: the list continues with those older than it. */
export interface FocusListQuery {
  readonly status?: FocusStatus;
  readonly limit?: number;
  readonly before?: string;
}

/** See the module. */
export class FocusRequests {
  readonly #options: HttpOptions;
  readonly #zone: string | undefined;

  /** `zone` decides when a day begins, by its name in the IANA database. */
  constructor({ url, credential, fetch }: HttpOptions, zone: string | undefined) {
    this.#options = { url, ...(credential ? { credential } : {}), ...(fetch ? { fetch } : {}) };
    this.#zone = zone;
  }

  get credential(): Credential | undefined {
    return this.#options.credential;
  }

  create(session: NewFocusSession): Promise<HttpResult<FocusSession>> {
    return this.#send({ method: 'POST', path: SESSIONS, json: session, read: readSession });
  }

  get(sessionId: string): Promise<HttpResult<FocusSession>> {
    return this.#send({ path: sessionPath(sessionId), read: readSession });
  }

  change(sessionId: string, change: FocusSessionChange): Promise<HttpResult<FocusSession>> {
    return this.#send({ method: 'PUT', path: sessionPath(sessionId), json: change, read: readSession });
  }

  end(sessionId: string, status: FocusEnding): Promise<HttpResult<FocusSession>> {
    return this.#send({ method: 'PUT', path: `${sessionPath(sessionId)}/end`, json: { status }, read: readSession });
  }

  remove(sessionId: string): Promise<HttpResult<void>> {
    return this.#send({ method: 'DELETE', path: sessionPath(sessionId), read: async () => {} });
  }

  /** Returns sessions, newest first: all of them without a `limit`. */
  list(query: FocusListQuery = {}): Promise<HttpResult<readonly FocusSession[]>> {
    return this.#send({ path: SESSIONS, query: { ...query }, read: readSessions });
  }

  stats(): Promise<HttpResult<FocusStats>> {
    const headers = this.#zone === undefined ? {} : { 'x-time-zone': this.#zone };
    return this.#send({ path: 'api/users/me/stats', headers, read: readStats });
  }

  #send<T>(request: HttpRequest<T>): Promise<HttpResult<T>> {
    return sendRequest(this.#options, request);
  }
}

function sessionPath(sessionId: string): string {
  return `${SESSIONS}/${encodeURIComponent(sessionId)}`;
}

async function readSession(response: Response): Promise<FocusSession> {
  const { session } = await response.json();
  if (!isFocusSession(session)) throw new Error('the answer contains no session');
  return session;
}

async function readSessions(response: Response): Promise<FocusSession[]> {
  const { sessions } = await response.json();
  if (!Array.isArray(sessions) || !sessions.every(isFocusSession)) throw new Error('the answer contains no list of sessions');
  return sessions;
}

async function readStats(response: Response): Promise<FocusStats> {
  const stats: unknown = await response.json();
  if (!isFocusStats(stats)) throw new Error('the answer contains no statistics');
  return stats;
}
