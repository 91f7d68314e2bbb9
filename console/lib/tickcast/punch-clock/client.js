/** The client of one person's working day: the day, and the punches that wait for the server. */
import { CommandClient } from '../core/command-client.js';
import { httpUrl, webSocketTarget } from '../core/endpoint.js';
import { sendOnLeave, sendRequest } from '../core/http.js';
import { patientAnswer } from '../core/http-answer.js';
import { httpTime } from '../core/http-time.js';
import { Interval } from '../core/interval.js';
import { LocalTicker } from '../core/local-ticker.js';
import { defaultWebSocket, webSocketDial } from '../core/web-socket-link.js';
import { createPunch, liveSeconds, withPunches } from './day.js';
import { isDayLogPage, isPunch, isWorkDay, parseDay } from './protocol.js';
/** How often the client says that its page is open. */
const HEARTBEAT_MS = 30_000;
/** A punch is known to the server by its id for 30 days, and lands at its own time however late it arrives. */
const PUNCH_LIMITS = { resendWindowMs: 29 * 86_400_000, queuedMaxMs: 29 * 86_400_000, attemptsMax: Infinity };
/** See the module. Nothing happens before `open`. */
export class PunchClockClient extends CommandClient {
    dial;
    requestTime;
    #options;
    #ticker = new LocalTicker(this.platform, this.clock, () => this.publish());
    #heartbeat = new Interval(this.platform, HEARTBEAT_MS, () => this.#beat());
    #stored = null;
    #displayed = { stored: null, pending: [], day: null };
    constructor(options) {
        super('punch-clock', options, PUNCH_LIMITS);
        this.#options = options;
        this.requestTime = httpTime(options.url, options.fetch);
        const url = httpUrl(options.url, 'api/session/live');
        this.dial = webSocketDial(options.WebSocket ?? defaultWebSocket(), async () => webSocketTarget(url, await this.credentials.present()));
    }
    /** Connects, and takes over punches that earlier pages have left in the storage. */
    open() {
        this.syncClock();
        this.outbox.setOnline(true);
        super.open();
        this.#heartbeat.start();
        this.#ticker.setRunning(true);
    }
    /** Disconnects. Punches that are stored in the browser wait for the next client; others fail with `closed`, and so do new ones. */
    close() {
        this.#heartbeat.stop();
        this.#ticker.setRunning(false);
        super.close();
    }
    /** Begins to work. The punch is dated now, however long it waits for the server. */
    clockIn() {
        return this.#punch('IN');
    }
    /** Ends or interrupts the work. */
    clockOut() {
        return this.#punch('OUT');
    }
    /** Stores a punch of another origin, such as one that was dated earlier. It waits like those of `clockIn`. */
    punch(punch) {
        return this.outbox.submit('punch', { entries: [punch] });
    }
    /** Requests the day, for example where WebSockets are blocked. */
    refresh() {
        return this.#request({
            path: 'api/session',
            read: async (response) => {
                const { data } = await response.json();
                if (!isWorkDay(data))
                    throw new Error('the answer contains no day');
                this.#accept(data);
                return data;
            },
        });
    }
    /** Posts changes of the day once. The server derives the status and the totals, whatever is posted. */
    save(changes) {
        return this.#save({ ...changes, updatedAt: changes.updatedAt ?? this.#updatedAt });
    }
    /** Posts the punches that wait, and changes, when the page is left. The browser sends them after its end. */
    saveOnLeave(changes = {}) {
        const entries = [...this.#pendingPunches(), ...(changes.entries ?? [])];
        const body = { ...changes, updatedAt: changes.updatedAt ?? this.#updatedAt, ...(entries.length > 0 ? { entries } : {}) };
        sendOnLeave(this.#options, 'api/session', body);
    }
    /** Deletes the punches of the day, and keeps the theme. */
    reset() {
        return this.#request({ method: 'DELETE', path: 'api/session', read: async () => { } });
    }
    setTheme(currentTheme) {
        return this.save({ currentTheme });
    }
    /** Sets the zone that decides when a day begins, by its name in the IANA database. */
    setZone(zone) {
        return this.#request({ method: 'PUT', path: 'api/session/zone', json: { zone }, read: async () => { } });
    }
    /** Returns archived days, 30 a page by default. */
    logs(query = {}) {
        return this.#request({
            path: 'api/daily-logs',
            query,
            read: async (response) => {
                const page = await response.json();
                if (!isDayLogPage(page))
                    throw new Error('the answer contains no archived days');
                return page;
            },
        });
    }
    sendCommand(command) {
        void this.#post(command);
        return true;
    }
    isHandshake(message) {
        return parseDay(message) !== null;
    }
    /** The server ticks once there is a punch. */
    expectsTicks() {
        return this.#stored !== null && this.#stored.entries.length > 0;
    }
    /** Without ticks the server is silent; the heartbeat and the clock use other connections. */
    allowsSilence() {
        return !this.expectsTicks();
    }
    receive(message) {
        const day = parseDay(message);
        if (message.type === 'error')
            this.reportServerError(message, 'time_uncertain');
        if (day)
            this.#stored = day;
        this.publish();
    }
    handleOnline() {
        this.outbox.setOnline(true);
    }
    maintain() {
        super.maintain();
        this.syncClock();
    }
    describe() {
        const day = this.#day();
        const live = day ? liveSeconds(day, Math.floor(this.clock.now() / 1000) * 1000) : { workSeconds: 0, breakSeconds: 0 };
        return { connection: this.connection.state, day, ...live, times: this.isLive ? 'live' : 'continued', ...this.describePending() };
    }
    #punch(type) {
        return this.punch(createPunch(this.platform.randomId(), type, this.clock.now()));
    }
    /** No punch is given up because a server is not reached: a repeated one is stored once. */
    async #post({ id, payload }) {
        const result = await this.#save(payload);
        if (result.ok)
            return this.outbox.settle({ id, ok: true, value: result.value });
        this.outbox.settle(patientAnswer(id, result.error, this.#options.credential));
    }
    async #save(payload) {
        const result = await this.#request({
            method: 'POST',
            path: 'api/session',
            json: payload,
            read: async (response) => {
                const { data, ignored } = await response.json();
                if (!isWorkDay(data))
                    throw new Error('the answer contains no day');
                return { day: data, ignored: Array.isArray(ignored) ? ignored : [] };
            },
        });
        if (result.ok)
            this.#accept(result.value.day);
        return result;
    }
    /** The version of the day that a theme was chosen in. */
    get #updatedAt() {
        return this.#stored?.updatedAt ?? new Date(this.clock.now()).toISOString();
    }
    /** Displays the day of an answer, unless a newer one has arrived. */
    #accept(day) {
        if (this.#stored === null || day.updatedAt >= this.#stored.updatedAt)
            this.#stored = day;
        this.publish();
    }
    #request(request) {
        return sendRequest(this.#options, request);
    }
    #beat() {
        if (this.isOnline)
            void this.#request({ method: 'POST', path: 'api/heartbeat', json: {}, read: async () => { } });
    }
    /** The day with the punches that wait; the same object until either changes. */
    #day() {
        const { pending } = this.outbox;
        if (this.#displayed.stored !== this.#stored || this.#displayed.pending !== pending) {
            this.#displayed = { stored: this.#stored, pending, day: this.#stored && withPunches(this.#stored, this.#pendingPunches()) };
        }
        return this.#displayed.day;
    }
    #pendingPunches() {
        return this.outbox.pending.flatMap(({ payload }) => payload['entries']).filter(isPunch);
    }
}
