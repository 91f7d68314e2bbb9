/** The client of one user's stopwatch sessions: the model, and commands over the connection. */
import { CLOSE } from '../core/close-policy.js';
import { CommandClient } from '../core/command-client.js';
import { httpUrl, webSocketTarget } from '../core/endpoint.js';
import { LocalTicker } from '../core/local-ticker.js';
import { Listeners } from '../core/store.js';
import { TimePings } from '../core/time-pings.js';
import { defaultWebSocket, webSocketDial } from '../core/web-socket-link.js';
import { diffSessions } from './diff.js';
import { continueLocally, INITIAL_MODEL, newestRunning, reduce } from './model.js';
import { parseServerMessage } from './protocol.js';
/** See the module. Nothing happens before `open`. */
export class ClockitClient extends CommandClient {
    dial;
    #continuesLocally;
    #changes = new Listeners();
    #pings = new TimePings(this.platform, (message) => this.connection.send(message));
    #ticker = new LocalTicker(this.platform, this.clock, (beatMs) => this.#setModel(continueLocally(this.#model, beatMs)));
    #model = INITIAL_MODEL;
    #receivedSinceSend = true;
    constructor(options) {
        super('clockit', options);
        this.#continuesLocally = options.continueLocally !== false;
        const url = httpUrl(options.url, 'session', { dialect: 'v1', client: this.storage.clientId });
        this.dial = webSocketDial(options.WebSocket ?? defaultWebSocket(), async () => webSocketTarget(url, await this.credentials.present()));
    }
    /** Calls `listener` with changes of sessions, which ticks are not. */
    onSessionChanges(listener) {
        return this.#changes.add(listener);
    }
    /** Starts a session. Fields that are absent keep their values if the session exists. */
    start(session) {
        return this.outbox.submit('session-start', { ...session });
    }
    stop(sessionId) {
        return this.outbox.submit('session-stop', { sessionId });
    }
    pause(sessionId) {
        return this.outbox.submit('session-pause', { sessionId });
    }
    /** Resumes a paused session, and runs a stopped one again. */
    resume(sessionId) {
        return this.outbox.submit('session-resume', { sessionId });
    }
    /** Removes a session from the list on every device. */
    remove(sessionId) {
        return this.outbox.submit('session-remove', { sessionId });
    }
    /** Adds a goal, or replaces the goal with the same id. */
    attachGoal(sessionId, goal) {
        return this.outbox.submit('session-attach', { sessionId, goal });
    }
    detachGoal(sessionId, goalId) {
        return this.outbox.submit('session-detach', { sessionId, goalId });
    }
    requestTime() {
        return this.#pings.request();
    }
    isHandshake(message) {
        return parseServerMessage(message)?.type === 'ready';
    }
    countsAfterHandover({ type, id }) {
        return type === 'tick' || type === 'ack' || (type === 'error' && id !== undefined);
    }
    expectsTicks() {
        return newestRunning(this.#model.sessions) !== undefined;
    }
    sendCommand({ type, id, payload }) {
        this.#receivedSinceSend = false;
        return this.connection.send({ type, id, payload });
    }
    /** A link on which nothing has arrived since the command is dead. */
    handleCommandTimeout() {
        if (!this.#receivedSinceSend)
            this.connection.abort();
    }
    receive(raw) {
        this.#receivedSinceSend = true;
        if (this.#pings.receive(raw))
            return;
        const message = parseServerMessage(raw);
        if (!message)
            return;
        switch (message.type) {
            case 'answer':
                return this.outbox.settle(message.answer);
            case 'error':
                return this.errors.notify({ kind: 'server', code: message.code, message: message.message, retry: message.retry });
            case 'ready':
            case 'session-snapshot':
            case 'tick':
                if (message.serverTime !== undefined)
                    this.clock.observe(message.serverTime);
        }
        this.#setModel(reduce(this.#model, message));
    }
    /** After a handover the command in flight is repeated, because its answer can be lost with the old link. */
    handleOnline() {
        this.outbox.setOnline(true);
    }
    handleOffline(state) {
        this.#pings.cancel();
        if (state.phase === 'offline' && 'code' in state.error && state.error.code === CLOSE.tooLarge)
            this.outbox.failCurrent('too_large');
        this.outbox.setOnline(false);
    }
    publish() {
        this.#ticker.setRunning(this.#times() === 'continued');
        super.publish();
    }
    describe() {
        const { sessions, loaded } = this.#model;
        return { connection: this.connection.state, sessions, loaded, times: this.#times(), ...this.describePending() };
    }
    #setModel(model) {
        const before = this.#model;
        this.#model = model;
        const changes = diffSessions(before, model);
        this.publish();
        if (changes.length > 0)
            this.#changes.notify(changes);
    }
    #times() {
        if (this.isLive)
            return 'live';
        const isContinued = this.#model.loaded && this.connection.state.phase !== 'closed' && this.#continuesLocally;
        return isContinued ? 'continued' : 'last-known';
    }
}
