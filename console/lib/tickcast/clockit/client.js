/** The client of one user's stopwatch sessions: the connection, the model and the outbox of commands. */
import { CLOSE } from '../core/close-policy.js';
import { Connection } from '../core/connection.js';
import { Credentials } from '../core/credentials.js';
import { httpUrl, webSocketTarget } from '../core/endpoint.js';
import { Interval } from '../core/interval.js';
import { LinkMonitor } from '../core/link-monitor.js';
import { LocalTicker } from '../core/local-ticker.js';
import { Outbox } from '../core/outbox.js';
import { outboxStorage } from '../core/outbox-storage.js';
import { defaultPlatform } from '../core/platform.js';
import { ServerClock } from '../core/server-clock.js';
import { Listeners, StateStore } from '../core/store.js';
import { TimePings } from '../core/time-pings.js';
import { defaultWebSocket, webSocketDial } from '../core/web-socket-link.js';
import { diffSessions } from './diff.js';
import { continueLocally, INITIAL_MODEL, newestRunning, reduce } from './model.js';
import { parseServerMessage } from './protocol.js';
const CHECK_INTERVAL_MS = 1_000;
/** How often, in checks, the client looks for commands of pages that have gone. */
const ADOPT_CHECKS = 30;
/** See the module. Nothing happens before `open`. */
export class ClockitClient {
    #platform;
    #options;
    #store;
    #errors = new Listeners();
    #changes = new Listeners();
    #storage;
    #outbox;
    #connection;
    #credentials;
    #monitor = new LinkMonitor();
    #pings;
    #clock;
    #ticker;
    #checking;
    #model = INITIAL_MODEL;
    #isStale = false;
    #receivedSinceSend = true;
    #checks = 0;
    #stopListening = () => { };
    constructor(options) {
        this.#options = options;
        const platform = (this.#platform = { ...defaultPlatform, ...options.platform });
        this.#storage = outboxStorage('clockit', options, platform);
        this.#pings = new TimePings(platform, (message) => this.#connection.send(message));
        this.#clock = new ServerClock(this.#pings.request, () => platform.now());
        this.#ticker = new LocalTicker(platform, this.#clock, (beatMs) => this.#setModel(continueLocally(this.#model, beatMs)));
        this.#checking = new Interval(platform, CHECK_INTERVAL_MS, () => this.#check());
        this.#outbox = new Outbox({
            platform,
            storage: this.#storage,
            send: (command) => this.#sendCommand(command),
            onTimeout: () => this.#receivedSinceSend || this.#connection.abort(),
            onChange: () => this.#publish(),
            onError: (error) => this.#errors.notify(error),
        });
        this.#credentials = new Credentials({
            credential: options.credential,
            platform,
            send: (message) => this.#connection.send(message),
            serverNow: () => this.#clock.now(),
            errors: this.#errors,
        });
        this.#connection = new Connection({
            platform,
            dial: this.#dial(options.WebSocket ?? defaultWebSocket()),
            isHandshake: (message) => parseServerMessage(message)?.type === 'ready',
            isTick: ({ type }) => type === 'tick',
            countsAfterHandover: ({ type, id }) => type === 'tick' || type === 'ack' || (type === 'error' && id !== undefined),
            expectsTicks: () => this.#expectsTicks(),
            canRenewCredential: this.#credentials.isRenewable,
            onMessage: (message, isHandover) => this.#receive(message, isHandover),
            onStateChange: (state) => this.#handleConnectionState(state),
        });
        this.#store = new StateStore(this.#describe());
    }
    /** Returns what the client knows; the same object until that changes. */
    getSnapshot = () => this.#store.getSnapshot();
    /** Calls `listener` after each change, ticks included; returns a function that ends it. */
    subscribe = (listener) => this.#store.subscribe(listener);
    /** Calls `listener` for errors of commands, of the token provider, and of the server that belong to no command. */
    onError(listener) {
        return this.#errors.add(listener);
    }
    /** Calls `listener` with changes of sessions, which ticks are not. */
    onSessionChanges(listener) {
        return this.#changes.add(listener);
    }
    /** Connects, and takes over commands that earlier pages have left in the storage. */
    open() {
        this.#stopListening();
        const stops = [this.#platform.onWake(() => this.#wake()), this.#platform.onHide(() => this.#storage.release())];
        this.#stopListening = () => stops.forEach((stop) => stop());
        this.#outbox.adopt();
        this.#connection.open();
        this.#checking.start();
    }
    /** Disconnects. Commands that are stored wait for the next client with this storage; others fail with `closed`. */
    close() {
        this.#stopListening();
        this.#checking.stop();
        this.#connection.close();
        this.#ticker.setRunning(false);
        this.#outbox.close();
        this.#publish();
    }
    /** Connects at once instead of at the next attempt, also after a refusal. */
    retryNow() {
        this.#connection.open();
    }
    /** Returns the estimated time of the server, in milliseconds since 1970. */
    serverNow() {
        return this.#clock.now();
    }
    start(session) {
        return this.#outbox.submit('session-start', { ...session });
    }
    stop(sessionId) {
        return this.#outbox.submit('session-stop', { sessionId });
    }
    pause(sessionId) {
        return this.#outbox.submit('session-pause', { sessionId });
    }
    /** Resumes a paused session, and runs a stopped one again. */
    resume(sessionId) {
        return this.#outbox.submit('session-resume', { sessionId });
    }
    /** Removes a session from the list on every device. */
    remove(sessionId) {
        return this.#outbox.submit('session-remove', { sessionId });
    }
    /** Adds a goal, or replaces the goal with the same id. */
    attachGoal(sessionId, goal) {
        return this.#outbox.submit('session-attach', { sessionId, goal });
    }
    detachGoal(sessionId, goalId) {
        return this.#outbox.submit('session-detach', { sessionId, goalId });
    }
    #dial(WebSocket) {
        const url = httpUrl(this.#options.url, 'session', { dialect: 'v1', client: this.#storage.clientId });
        return this.#credentials.observe(webSocketDial(WebSocket, async () => webSocketTarget(url, await this.#credentials.present())));
    }
    #sendCommand({ type, id, payload }) {
        this.#receivedSinceSend = false;
        return this.#connection.send({ type, id, payload });
    }
    #receive(raw, isHandover) {
        this.#receivedSinceSend = true;
        this.#monitor.receive(raw.type === 'tick');
        if (this.#pings.receive(raw) || this.#credentials.receive(raw))
            return;
        const message = parseServerMessage(raw);
        if (!message)
            return;
        switch (message.type) {
            case 'answer':
                return this.#outbox.settle(message.answer);
            case 'error':
                return this.#errors.notify({ kind: 'server', code: message.code, message: message.message, retry: message.retry });
            case 'ready':
            case 'session-snapshot':
            case 'tick':
                if (message.serverTime !== undefined)
                    this.#clock.observe(message.serverTime);
        }
        if (message.type === 'tick')
            this.#isStale = false;
        this.#setModel(reduce(this.#model, message));
        if (message.type === 'ready')
            this.#handleReady(isHandover);
    }
    /** After a handover the command in flight is repeated, because its answer can be lost with the old link. */
    #handleReady(isHandover) {
        if (isHandover)
            this.#monitor.reset();
        this.#credentials.handleOnline();
        this.#clock.invalidate();
        this.#syncClock();
        this.#outbox.setOnline(true);
    }
    #handleConnectionState(state) {
        this.#monitor.reset();
        this.#isStale = false;
        if (state.phase !== 'online') {
            this.#pings.cancel();
            this.#credentials.handleOffline();
            if (state.phase === 'offline' && 'code' in state.error && state.error.code === CLOSE.tooLarge)
                this.#outbox.failCurrent('too_large');
            this.#outbox.setOnline(false);
        }
        this.#publish();
    }
    #check() {
        if (++this.#checks % ADOPT_CHECKS === 0)
            this.#outbox.adopt();
        this.#outbox.maintain();
        if (this.#connection.state.phase !== 'online')
            return;
        const condition = this.#monitor.check(this.#expectsTicks());
        if (condition === 'dead')
            return this.#connection.abort();
        if (condition === 'probe')
            this.#clock.invalidate();
        this.#isStale = condition === 'stale';
        this.#syncClock();
        this.#publish();
    }
    /** Runs when the page becomes visible or the network returns: that suggests an attempt, and proves nothing. */
    #wake() {
        const { phase } = this.#connection.state;
        this.#outbox.maintain();
        if (phase === 'offline')
            this.#connection.open();
        else if (phase === 'online')
            this.#monitor.suspect();
    }
    #syncClock() {
        void this.#clock.sync();
    }
    #expectsTicks() {
        return newestRunning(this.#model.sessions) !== undefined;
    }
    #setModel(model) {
        const before = this.#model;
        this.#model = model;
        const changes = diffSessions(before, model);
        this.#publish();
        if (changes.length > 0)
            this.#changes.notify(changes);
    }
    #publish() {
        const next = this.#describe();
        this.#ticker.setRunning(next.times === 'continued');
        this.#store.set(next);
    }
    #describe() {
        const connection = this.#connection.state;
        const { sessions, loaded } = this.#model;
        const isLive = connection.phase === 'online' && !this.#isStale;
        const isContinued = loaded && connection.phase !== 'closed' && this.#options.continueLocally !== false;
        return {
            connection,
            sessions,
            loaded,
            times: isLive ? 'live' : isContinued ? 'continued' : 'last-known',
            pending: this.#outbox.pending,
            pendingIsStored: this.#storage.isStored,
        };
    }
}
