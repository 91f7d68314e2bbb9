/** The HTTP requests of Focus. Each has its effect once, however often it is repeated, except for the creation of a session. */
import { sendRequest } from '../core/http.js';
import { isFocusSession, isFocusStats, } from './protocol.js';
const SESSIONS = 'api/sessions';
/** See the module. */
export class FocusRequests {
    #options;
    #zone;
    /** `zone` decides when a day begins, by its name in the IANA database. */
    constructor({ url, credential, fetch }, zone) {
        this.#options = { url, ...(credential ? { credential } : {}), ...(fetch ? { fetch } : {}) };
        this.#zone = zone;
    }
    get credential() {
        return this.#options.credential;
    }
    create(session) {
        return this.#send({ method: 'POST', path: SESSIONS, json: session, read: readSession });
    }
    get(sessionId) {
        return this.#send({ path: sessionPath(sessionId), read: readSession });
    }
    change(sessionId, change) {
        return this.#send({ method: 'PUT', path: sessionPath(sessionId), json: change, read: readSession });
    }
    end(sessionId, status) {
        return this.#send({ method: 'PUT', path: `${sessionPath(sessionId)}/end`, json: { status }, read: readSession });
    }
    remove(sessionId) {
        return this.#send({ method: 'DELETE', path: sessionPath(sessionId), read: async () => { } });
    }
    /** Returns sessions, newest first: all of them without a `limit`. */
    list(query = {}) {
        return this.#send({ path: SESSIONS, query: { ...query }, read: readSessions });
    }
    stats() {
        const headers = this.#zone === undefined ? {} : { 'x-time-zone': this.#zone };
        return this.#send({ path: 'api/users/me/stats', headers, read: readStats });
    }
    #send(request) {
        return sendRequest(this.#options, request);
    }
}
function sessionPath(sessionId) {
    return `${SESSIONS}/${encodeURIComponent(sessionId)}`;
}
async function readSession(response) {
    const { session } = await response.json();
    if (!isFocusSession(session))
        throw new Error('the answer contains no session');
    return session;
}
async function readSessions(response) {
    const { sessions } = await response.json();
    if (!Array.isArray(sessions) || !sessions.every(isFocusSession))
        throw new Error('the answer contains no list of sessions');
    return sessions;
}
async function readStats(response) {
    const stats = await response.json();
    if (!isFocusStats(stats))
        throw new Error('the answer contains no statistics');
    return stats;
}
