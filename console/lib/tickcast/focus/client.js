/** The client of one person's focus session: its seconds, what the person does on the page, and the score. */
import { CommandClient } from '../core/command-client.js';
import { httpUrl, webSocketTarget } from '../core/endpoint.js';
import { LocalTicker } from '../core/local-ticker.js';
import { TimePings } from '../core/time-pings.js';
import { defaultWebSocket, webSocketDial } from '../core/web-socket-link.js';
import { pageActivity } from './activity.js';
import { COMMAND_LIMITS, sendStatus } from './commands.js';
import { FocusDisplay } from './display.js';
import { FocusDocuments } from './documents.js';
import { uncounted } from './model.js';
import { isOpen, parseFocusMessage, } from './protocol.js';
import { FocusRequests } from './requests.js';
import { Tracking } from './tracking.js';
/** The server's default of `focus.idle_after`. */
const IDLE_AFTER_MS = 15_000;
/** After this silence another device may have paused the session; a tick can be late by a second. */
const OVERDUE_MS = 2_500;
/** How long a return waits for the news whether the session was paused meanwhile; the server waits for it up to 30 s. */
const VERIFY_MS = 3_000;
/** See the module. Nothing happens before `open`. */
export class FocusClient extends CommandClient {
    dial;
    #requests;
    #documents;
    #source;
    #idleAfterMs;
    #pings = new TimePings(this.platform, (message) => this.connection.send(message));
    #ticker = new LocalTicker(this.platform, this.clock, () => this.publish());
    #tracking = new Tracking({
        platform: this.platform,
        send: (message) => this.connection.send(message),
        wanted: () => this.#wantedId(),
        onStarted: (isReturn) => this.#handleStarted(isReturn),
        onRefused: (refusal) => this.#handleRefusal(refusal),
        onTimeout: () => this.connection.abort(),
    });
    #shown = new FocusDisplay();
    #continuesOnOpen;
    /** The session that the application has asked to count. */
    #continuedId = null;
    /** Whether the session was loaded since the connection was lost. */
    #isVerified = false;
    /** Whether a tick has arrived since then. */
    #isInStep = false;
    #tickedAt = -Infinity;
    #isCreating = false;
    /** The session that the links of the last handover have started. */
    #handoverId = null;
    #verifications = 0;
    #verifyTimer = null;
    #stopWatching = () => { };
    constructor(options) {
        super('focus', options, COMMAND_LIMITS);
        this.#continuesOnOpen = options.continueOnOpen !== false;
        this.#source = options.activity ?? pageActivity();
        this.#idleAfterMs = options.idleAfterMs ?? IDLE_AFTER_MS;
        this.#requests = new FocusRequests(options, options.zone ?? new Intl.DateTimeFormat().resolvedOptions().timeZone);
        this.#documents = new FocusDocuments({
            requests: this.#requests,
            platform: this.platform,
            serverNow: () => this.clock.now(),
            onChange: () => this.#handleChange(),
            onError: (error) => this.errors.notify(error),
        });
        const url = httpUrl(options.url, 'ws/sessions');
        const target = async () => webSocketTarget(url, await this.credentials.present());
        this.dial = this.#tracking.continuing(webSocketDial(options.WebSocket ?? defaultWebSocket(), target));
    }
    /** Connects, continues the newest session that is active, and takes over commands that earlier pages have left in the storage. */
    open() {
        this.#stopWatching();
        const stops = [this.#source.onActivity(() => this.reportActivity()), this.#source.onTabSwitch(() => this.reportTabSwitch())];
        this.#stopWatching = () => stops.forEach((stop) => stop());
        super.open();
        this.outbox.setOnline(true);
    }
    /** Disconnects. The server counts for 30 s more if a client returns by then. Commands that are stored wait for the next client. */
    close() {
        this.#stopWatching();
        super.close();
    }
    /** Creates a session and counts its seconds. It is not repeated if its outcome is unknown: there could be two sessions. */
    async start(session) {
        const command = { id: this.platform.randomId(), type: 'create', payload: { ...session } };
        if (this.outbox.isClosed)
            return this.#fail(command, 'closed', 'the client is closed');
        if (this.#isCreating)
            return this.#fail(command, 'busy', 'another session is being created');
        this.#isCreating = true;
        const result = await this.#requests.create(session);
        this.#isCreating = false;
        if (result.ok)
            return this.#continue(result.value);
        const { status, message } = result.error;
        const isUnknown = status === 0 || status >= 500;
        if (!isUnknown)
            return this.#fail(command, `http_${status}`, message);
        this.#documents.doubt();
        return this.#fail(command, 'outcome_unknown', `the server may or may not have created the session: ${message}`);
    }
    /** Makes another session the current one, and counts its seconds if it is active. */
    async track(sessionId) {
        const command = { id: this.platform.randomId(), type: 'track', payload: { sessionId } };
        if (this.outbox.isClosed)
            return this.#fail(command, 'closed', 'the client is closed');
        const result = await this.#requests.get(sessionId);
        if (!result.ok)
            return this.#fail(command, `http_${result.error.status}`, result.error.message);
        return isOpen(result.value) ? this.#continue(result.value) : this.#fail(command, 'ended', 'the session has ended');
    }
    /** Stops the count until the session is resumed, on all devices. */
    pause() {
        return this.#submit('pause', 'paused');
    }
    /** Counts again. It counts as activity. */
    resume() {
        this.#continuedId = this.#documents.model.session?.id ?? null;
        return this.#submit('resume', 'active');
    }
    /** Ends the session. If it has ended before, its first end stands. */
    stop(status = 'completed') {
        return this.#submit('stop', status);
    }
    /** Tells that the person is active, as input on the page does. It is sent once a second at most, and only while seconds count. */
    reportActivity() {
        this.#tracking.reportActivity();
    }
    /** Tells that the person has left the page, as hiding it does. */
    reportTabSwitch() {
        this.#tracking.reportTabSwitch();
    }
    /** Returns sessions, newest first: all of them without a `limit`. */
    list(query = {}) {
        return this.#requests.list(query);
    }
    /** Changes what a session is about, ended or not. */
    async update(sessionId, change) {
        const result = await this.#requests.change(sessionId, change);
        if (result.ok)
            this.#documents.apply(result.value);
        return result;
    }
    /** Deletes a session, and takes it out of the statistics. */
    async remove(sessionId) {
        const result = await this.#requests.remove(sessionId);
        if (result.ok)
            this.#documents.remove(sessionId);
        return result;
    }
    requestTime() {
        return this.#pings.request();
    }
    isHandshake({ type }) {
        return type === 'connected';
    }
    /** After a handover to a link that tracks another session, the old link tells nothing about the current one. */
    countsAfterHandover({ type }) {
        return (type === 'tick' || type === 'stopped') && this.#handoverId === this.#tracking.startedId;
    }
    expectsTicks() {
        const { session } = this.#documents.model;
        return session?.status === 'active' && session.id === this.#tracking.startedId;
    }
    receive(raw) {
        if (this.#pings.receive(raw))
            return;
        const message = parseFocusMessage(raw);
        if (!message || this.#tracking.receive(message))
            return;
        switch (message.type) {
            case 'connected':
                return this.#tracking.handleOnline(raw['sessionId']);
            case 'tick':
                return this.#receiveTick(message.tick);
            case 'stopped':
                return this.#receiveStopped(message.sessionId);
            case 'error':
                return this.errors.notify({ kind: 'server', code: message.code, message: message.message, retry: message.retry });
        }
    }
    handleOnline(isHandover) {
        this.#handoverId = isHandover ? this.#tracking.startedId : null;
        if (isHandover)
            this.#tracking.ensure();
        else
            void this.#verify();
    }
    handleOffline() {
        this.#verifications += 1;
        this.platform.clearTimeout(this.#verifyTimer);
        this.#pings.cancel();
        this.#tracking.handleOffline();
        this.#isVerified = this.#isInStep = false;
    }
    maintainOnline() {
        if (this.expectsTicks() && this.platform.now() - this.#tickedAt > OVERDUE_MS)
            this.#documents.doubt();
        this.#documents.maintain(this.expectsTicks());
    }
    sendCommand(command) {
        void this.#post(command);
        return true;
    }
    publish() {
        this.#ticker.setRunning(this.#uncounted() !== null);
        super.publish();
    }
    describe() {
        const { shown, score } = this.#display();
        return {
            connection: this.connection.state,
            loaded: this.#documents.isLoaded,
            session: shown.session,
            isTracked: this.expectsTicks(),
            idle: shown.idle,
            activity: shown.runs,
            score,
            stats: this.#documents.stats,
            times: this.#times(),
            ...this.describePending(),
        };
    }
    #submit(type, status) {
        const { session } = this.#display().shown;
        if (session && isOpen(session))
            return this.outbox.submit(type, { sessionId: session.id, status });
        const command = { id: this.platform.randomId(), type, payload: { status } };
        return Promise.resolve(session ? this.#fail(command, 'ended', 'the session has ended') : this.#fail(command, 'no_session', 'there is no session'));
    }
    async #post(command) {
        const { result, answer } = await sendStatus(this.#requests, command);
        const { sessionId, status } = command.payload;
        if (result.ok)
            this.#documents.apply(result.value);
        else if (result.error.status === 404)
            this.#documents.remove(sessionId);
        this.outbox.settle(answer);
        this.#tracking.ensure({ isUrged: status === 'active' });
    }
    #continue(session) {
        this.#continuedId = session.id;
        this.#isInStep = false;
        this.#documents.apply(session, { isCurrent: true });
        this.#tracking.ensure({ isUrged: true });
        return { ok: true, session };
    }
    #fail(command, code, message) {
        const error = { kind: 'command', code, message, command };
        this.errors.notify(error);
        return { ok: false, error };
    }
    /** A client that returns in time continues its seconds. */
    #handleStarted(isReturn) {
        this.#tickedAt = this.platform.now();
        if (!isReturn || this.#uncounted() === null)
            this.#documents.applyStart();
        this.publish();
    }
    #receiveTick(tick) {
        if (this.#tracking.startedId !== this.#documents.model.session?.id)
            return;
        this.#isInStep = true;
        this.#tickedAt = this.platform.now();
        this.#documents.applyTick(tick);
    }
    #receiveStopped(sessionId) {
        this.#tracking.handleStopped(sessionId);
        const { session } = this.#documents.model;
        if (session?.id !== sessionId || !isOpen(session))
            return;
        this.#documents.doubt();
        void this.#documents.refresh();
    }
    #handleRefusal({ code, message }) {
        if (code !== 'not_found')
            this.errors.notify({ kind: 'server', code, message, retry: false });
        // The session has ended or was deleted.
        this.#documents.doubt();
        void this.#documents.refresh();
    }
    #handleChange() {
        this.#tracking.ensure();
        this.publish();
    }
    /** A start would resume a session that another device has paused meanwhile. */
    async #verify() {
        const verification = ++this.#verifications;
        await new Promise((resolve) => {
            this.#verifyTimer = this.platform.setTimeout(resolve, VERIFY_MS);
            void this.#documents.refresh().then(resolve);
        });
        if (verification !== this.#verifications)
            return;
        this.platform.clearTimeout(this.#verifyTimer);
        this.#isVerified = true;
        this.#tracking.ensure();
    }
    #wantedId() {
        const { session } = this.#display().shown;
        if (session?.status !== 'active' || !this.#isVerified)
            return null;
        return this.#continuesOnOpen || session.id === this.#continuedId ? session.id : null;
    }
    #times() {
        const isCounting = this.#documents.model.session?.status === 'active';
        if (this.isLive && (!isCounting || this.expectsTicks()))
            return 'live';
        return this.#uncounted() === null ? 'last-known' : 'continued';
    }
    /** Returns the seconds that pass by the local clock; null while ticks arrive or nothing is known to be counted. */
    #uncounted() {
        const { model } = this.#documents;
        const isCounted = model.session !== null && model.session.id === this.#tracking.lastStartedId && this.connection.state.phase !== 'closed';
        if (!isCounted || (this.isLive && this.#isInStep))
            return null;
        const beatMs = Math.floor(this.clock.now() / 1000) * 1000;
        return uncounted(model, beatMs, this.#tracking.lastReportAt + this.clock.offsetMs + this.#idleAfterMs);
    }
    #display() {
        return this.#shown.of(this.#documents.model, this.outbox.pending, this.#uncounted() ?? undefined);
    }
}
