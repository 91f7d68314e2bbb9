/** The client of one person's working day: the connection, the day, and the punches that wait for the server. */
import { Connection } from '../core/connection.js';
import { Credentials } from '../core/credentials.js';
import { httpUrl, webSocketTarget } from '../core/endpoint.js';
import { sendRequest } from '../core/http.js';
import { httpTime } from '../core/http-time.js';
import { Interval } from '../core/interval.js';
import { LinkMonitor } from '../core/link-monitor.js';
import { LocalTicker } from '../core/local-ticker.js';
import { Outbox } from '../core/outbox.js';
import { outboxStorage } from '../core/outbox-storage.js';
import { defaultPlatform } from '../core/platform.js';
import { ServerClock } from '../core/server-clock.js';
import { Listeners, StateStore } from '../core/store.js';
import { defaultWebSocket, webSocketDial } from '../core/web-socket-link.js';
import { createPunch, liveSeconds, withPunches } from './day.js';
import { isPunch, isWorkDay, parseDay } from './protocol.js';
const CHECK_INTERVAL_MS = 1_000;
/** How often the client says that its page is open. */
const HEARTBEAT_MS = 30_000;
/** A punch is known to the server by its id for 30 days, and lands at its own time however late it arrives. */
const PUNCH_LIMITS = { resendWindowMs: 29 * 86_400_000, queuedMaxMs: 29 * 86_400_000, attemptsMax: Infinity };
/** See the module. Nothing happens before `open`. */
export class PunchClockClient {
    #platform;
    #options;
    #store;
    #errors = new Listeners();
    #storage;
    #outbox;
    #connection;
    #credentials;
    #clock;
    #ticker;
    #checking;
    #heartbeat;
    #monitor = new LinkMonitor();
    #stored = null;
    #displayed = { stored: null, pending: [], day: null };
    #isStale = false;
    #stopListening = () => { };
    constructor(options) {
        this.#options = options;
        const platform = (this.#platform = { ...defaultPlatform, ...options.platform });
        this.#storage = outboxStorage('punch-clock', options, platform);
        this.#clock = new ServerClock(httpTime(options.url, options.fetch), () => platform.now());
        this.#ticker = new LocalTicker(platform, this.#clock, () => this.#publish());
        this.#checking = new Interval(platform, CHECK_INTERVAL_MS, () => this.#check());
        this.#heartbeat = new Interval(platform, HEARTBEAT_MS, () => this.#beat());
        this.#outbox = new Outbox({
            platform,
            storage: this.#storage,
            limits: PUNCH_LIMITS,
            send: (command) => (void this.#post(command), true),
            onTimeout: () => { },
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
        const url = httpUrl(options.url, 'api/session/live');
        const target = async () => webSocketTarget(url, await this.#credentials.present());
        this.#connection = new Connection({
            platform,
            dial: this.#credentials.observe(webSocketDial(options.WebSocket ?? defaultWebSocket(), target)),
            isHandshake: (message) => parseDay(message) !== null,
            isTick: ({ type }) => type === 'tick',
            countsAfterHandover: ({ type }) => type === 'tick',
            expectsTicks: () => this.#expectsTicks(),
            canRenewCredential: this.#credentials.isRenewable,
            onMessage: (message, isHandover) => this.#receive(message, isHandover),
            onStateChange: (state) => this.#handleConnectionState(state),
        });
        this.#store = new StateStore(this.#describe());
    }
    /** Returns what the client knows; the same object until that changes. */
    getSnapshot = () => this.#store.getSnapshot();
    /** Calls `listener` after each change, each displayed second included; returns a function that ends it. */
    subscribe = (listener) => this.#store.subscribe(listener);
    /** Calls `listener` for punches that failed, and for errors of the token provider and of the server. */
    onError(listener) {
        return this.#errors.add(listener);
    }
    /** Connects, and takes over punches that earlier pages have left in the storage. */
    open() {
        this.#stopListening();
        const stops = [this.#platform.onWake(() => this.#wake()), this.#platform.onHide(() => this.#storage.release())];
        this.#stopListening = () => stops.forEach((stop) => stop());
        this.#syncClock();
        this.#outbox.adopt();
        this.#outbox.setOnline(true);
        this.#connection.open();
        this.#checking.start();
        this.#heartbeat.start();
        this.#ticker.setRunning(true);
    }
    /** Disconnects. Punches that are stored in the browser wait for the next client; others fail with `closed`. */
    close() {
        this.#stopListening();
        this.#checking.stop();
        this.#heartbeat.stop();
        this.#ticker.setRunning(false);
        this.#connection.close();
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
    /** Begins to work. The punch is dated now, however long it waits for the server. */
    clockIn() {
        return this.#punch('IN');
    }
    /** Ends or interrupts the work. */
    clockOut() {
        return this.#punch('OUT');
    }
    /** Deletes the punches of the day, and keeps the theme. */
    reset() {
        return this.#request({ method: 'DELETE', path: 'api/session', read: async () => { } });
    }
    setTheme(currentTheme) {
        return this.#save({ currentTheme, updatedAt: this.#stored?.updatedAt ?? new Date(this.#clock.now()).toISOString() });
    }
    /** Sets the zone that decides when a day begins, by its name in the IANA database. */
    setZone(zone) {
        return this.#request({ method: 'PUT', path: 'api/session/zone', body: JSON.stringify({ zone }), read: async () => { } });
    }
    /** Returns archived days, 30 a page by default. */
    logs(query = {}) {
        const texts = Object.fromEntries(Object.entries(query).map(([name, value]) => [name, String(value)]));
        return this.#request({ path: 'api/daily-logs', query: texts, read: async (response) => (await response.json()) });
    }
    #punch(type) {
        const punch = createPunch(this.#platform.randomId(), type, this.#clock.now());
        return this.#outbox.submit('punch', { entries: [punch] });
    }
    /** No punch is given up because a server is not reached or a login has expired: a repeated one is stored once. */
    async #post({ id, payload }) {
        const result = await this.#save(payload);
        if (result.ok)
            return this.#outbox.settle({ id, ok: true, value: result.value });
        const { status, message } = result.error;
        const retry = [0, 401, 403, 408, 429].includes(status) || status >= 500;
        this.#outbox.settle({ id, ok: false, code: `http_${status}`, message, retry });
    }
    async #save(payload) {
        const result = await this.#request({
            method: 'POST',
            path: 'api/session',
            body: JSON.stringify(payload),
            read: async (response) => {
                const { data, ignored } = await response.json();
                if (!isWorkDay(data))
                    throw new Error('the answer contains no day');
                return { day: data, ignored: Array.isArray(ignored) ? ignored : [] };
            },
        });
        if (result.ok && (this.#stored === null || result.value.day.updatedAt >= this.#stored.updatedAt))
            this.#stored = result.value.day;
        this.#publish();
        return result;
    }
    #request(request) {
        const { url, credential, fetch } = this.#options;
        const headers = { 'content-type': 'application/json' };
        const options = { url, ...(credential ? { credential } : {}), ...(fetch ? { fetch } : {}) };
        return sendRequest(options, request.body === undefined ? request : { ...request, headers });
    }
    #beat() {
        if (this.#connection.state.phase === 'online')
            void this.#request({ method: 'POST', path: 'api/heartbeat', body: '{}', read: async () => { } });
    }
    #receive(message, isHandover) {
        this.#monitor.receive(message.type === 'tick');
        if (this.#credentials.receive(message))
            return;
        const day = parseDay(message);
        if (message.type === 'tick')
            this.#isStale = false;
        if (message.type === 'error')
            this.#reportError(message);
        if (day)
            this.#stored = day;
        if (day && isHandover)
            this.#handleHandshake();
        this.#publish();
    }
    #handleHandshake() {
        this.#monitor.reset();
        this.#credentials.handleOnline();
        this.#clock.invalidate();
        this.#syncClock();
        this.#outbox.setOnline(true);
    }
    #reportError({ payload }) {
        const { code, message } = (payload ?? {});
        this.#errors.notify({ kind: 'server', code: String(code ?? 'unknown'), message: String(message ?? ''), retry: code === 'time_uncertain' });
    }
    #handleConnectionState({ phase }) {
        this.#monitor.reset();
        this.#isStale = false;
        if (phase !== 'online')
            this.#credentials.handleOffline();
        else
            this.#handleHandshake();
        this.#publish();
    }
    #check() {
        this.#outbox.maintain();
        this.#syncClock();
        if (this.#connection.state.phase !== 'online')
            return;
        // Without ticks the server is silent; the heartbeat and the clock use other connections.
        if (!this.#expectsTicks())
            this.#monitor.receive(false);
        const condition = this.#monitor.check(this.#expectsTicks());
        if (condition === 'dead')
            return this.#connection.abort();
        this.#isStale = condition === 'stale';
        this.#publish();
    }
    #wake() {
        this.#outbox.maintain();
        if (this.#connection.state.phase === 'offline')
            this.#connection.open();
        this.#clock.invalidate();
        this.#syncClock();
    }
    #syncClock() {
        void this.#clock.sync().then((updated) => updated && this.#publish());
    }
    /** The server ticks once there is a punch. */
    #expectsTicks() {
        return this.#stored !== null && this.#stored.entries.length > 0;
    }
    #publish() {
        this.#store.set(this.#describe());
    }
    /** The day with the punches that wait; the same object until either changes. */
    #day() {
        const { pending } = this.#outbox;
        if (this.#displayed.stored !== this.#stored || this.#displayed.pending !== pending) {
            const punches = pending.flatMap(({ payload }) => payload['entries']).filter(isPunch);
            this.#displayed = { stored: this.#stored, pending, day: this.#stored && withPunches(this.#stored, punches) };
        }
        return this.#displayed.day;
    }
    #describe() {
        const connection = this.#connection.state;
        const day = this.#day();
        const live = day ? liveSeconds(day, Math.floor(this.#clock.now() / 1000) * 1000) : { workSeconds: 0, breakSeconds: 0 };
        return {
            connection,
            day,
            ...live,
            times: connection.phase === 'online' && !this.#isStale ? 'live' : 'continued',
            pending: this.#outbox.pending,
            pendingIsStored: this.#storage.isStored,
        };
    }
}
