/**
 * What the clients of all systems have in common: a connection that is checked once a second, credentials, the server's
 * time, errors, and a snapshot that applications subscribe to. A system adds its messages and its model.
 */
import { Connection, OVERLAP_MS } from './connection.js';
import { Credentials } from './credentials.js';
import { Interval } from './interval.js';
import { LinkMonitor } from './link-monitor.js';
import { defaultPlatform } from './platform.js';
import { ServerClock } from './server-clock.js';
import { Listeners, StateStore } from './store.js';
const CHECK_INTERVAL_MS = 1_000;
/**
 * A page that returns after a longer silence was suspended: its values are not live before the server confirms them. Ticks
 * come every second, and an idle link is asked for an answer every half minute.
 */
const SILENCE_MAX_MS = { ticking: 4_000, idle: 45_000 };
/** A client that is not checked for longer was suspended: browsers run the timers of a hidden page once a minute. */
const SUSPENSION_MS = 90_000;
/** See the module. Nothing happens before `open`, and no abstract member is used before it. */
export class LiveClient {
    platform;
    clock;
    credentials;
    connection;
    errors = new Listeners();
    #monitor = new LinkMonitor();
    #checking;
    #created = null;
    #isStale = false;
    #receivedAt = -Infinity;
    #checkedAt = -Infinity;
    /** Whether the page has returned from a suspension, and nothing has confirmed its values since. */
    #isUnconfirmed = false;
    #stopListening = () => { };
    constructor({ credential, platform }) {
        this.platform = { ...defaultPlatform, ...platform };
        this.clock = new ServerClock(() => this.requestTime(), () => this.platform.now());
        this.#checking = new Interval(this.platform, CHECK_INTERVAL_MS, () => this.#check());
        this.credentials = new Credentials({
            credential,
            platform: this.platform,
            send: (message) => this.connection.send(message),
            serverNow: () => this.clock.now(),
            errors: this.errors,
        });
        this.connection = new Connection({
            platform: this.platform,
            dial: this.credentials.observe((events) => this.dial(events)),
            isHandshake: (message) => this.isHandshake(message),
            isTick: (message) => this.isTick(message),
            countsAfterHandover: (message) => this.countsAfterHandover(message),
            overlapMs: () => this.overlapMs(),
            canRenewCredential: this.credentials.isRenewable,
            onMessage: (message, isHandover) => this.#receive(message, isHandover),
            onOnline: (isHandover) => this.#handleOnline(isHandover),
            onStateChange: (state) => this.#handleState(state),
        });
    }
    /** Returns what the client knows; the same object until that changes. */
    getSnapshot = () => this.#store.getSnapshot();
    /** Calls `listener` after each change, each displayed second included; returns a function that ends it. */
    subscribe = (listener) => this.#store.subscribe(listener);
    /** Calls `listener` for errors of commands, of the token provider, and of the server that belong to no command. */
    onError(listener) {
        return this.errors.add(listener);
    }
    /** Connects. */
    open() {
        this.#stopListening();
        const stops = [this.platform.onWake(() => this.#wake()), this.platform.onHide(() => this.handleHide())];
        this.#stopListening = () => stops.forEach((stop) => stop());
        this.connection.open();
        this.#checkedAt = this.platform.now();
        this.#checking.start();
    }
    /** Disconnects, until the client is opened again. */
    close() {
        this.#stopListening();
        this.#checking.stop();
        this.connection.close();
    }
    /** Connects at once instead of at the next attempt, also after a refusal. A closed client stays closed. */
    retryNow() {
        if (this.connection.state.phase !== 'closed')
            this.connection.open();
    }
    /** Returns the estimated time of the server, in milliseconds since 1970. */
    serverNow() {
        return this.clock.now();
    }
    isTick({ type }) {
        return type === 'tick';
    }
    /** Whether a message counts although it arrives on the old link after a handover. */
    countsAfterHandover(message) {
        return this.isTick(message);
    }
    /** How long the old link of a handover stays at most; it ends sooner when the new one delivers a tick. */
    overlapMs() {
        return this.expectsTicks() ? OVERLAP_MS : 0;
    }
    /** Whether a link without messages is in order. Otherwise the client asks for an answer after some silence. */
    allowsSilence() {
        return false;
    }
    /** Returns the condition of the link, with what the system knows about it. */
    assess(condition) {
        return condition;
    }
    /** Runs once a second while the client is open. */
    maintain() { }
    /** Runs once a second while the connection is online, after its check. */
    maintainOnline() { }
    /** Runs after the handshake of a link was received; `isHandover` means that the connection was not interrupted. */
    handleOnline(_isHandover) { }
    /** Runs when the connection is not online, or not any more. */
    handleOffline(_state) { }
    /** Runs when the page is left or frozen. */
    handleHide() { }
    get isOnline() {
        return this.connection.state.phase === 'online';
    }
    /** Whether the server confirms the displayed values. */
    get isLive() {
        return this.isOnline && !this.#isStale && !this.#isUnconfirmed;
    }
    publish() {
        this.#store.set(this.describe());
    }
    /** Reports an error of the server that belongs to no command; one with the code `retryCode` passes by itself. */
    reportServerError({ payload }, retryCode) {
        const { code, message } = (payload ?? {});
        this.errors.notify({ kind: 'server', code: String(code ?? 'unknown'), message: String(message ?? ''), retry: code === retryCode });
    }
    /** Measures the server's time if that is due. */
    syncClock() {
        void this.clock.sync().then((updated) => {
            if (!updated)
                return;
            this.credentials.handleTime();
            if (this.allowsSilence() && !this.expectsTicks())
                this.#isUnconfirmed = false;
            this.publish();
        });
    }
    /** Exists when it is needed first, because a system completes its own fields after those of this class. */
    get #store() {
        return (this.#created ??= new StateStore(this.describe()));
    }
    #receive(message, isHandover) {
        const isTick = this.isTick(message);
        this.#monitor.receive(isTick);
        this.#receivedAt = this.platform.now();
        if (isTick)
            this.#isStale = false;
        if (isTick || !this.expectsTicks())
            this.#isUnconfirmed = false;
        if (!this.credentials.receive(message))
            this.receive(message, isHandover);
    }
    #handleOnline(isHandover) {
        this.#monitor.reset();
        this.credentials.handleOnline();
        this.clock.invalidate();
        this.syncClock();
        this.handleOnline(isHandover);
    }
    #handleState(state) {
        this.#monitor.reset();
        this.#isStale = this.#isUnconfirmed = false;
        if (state.phase !== 'online') {
            this.credentials.handleOffline();
            this.handleOffline(state);
        }
        this.publish();
    }
    #check() {
        this.maintain();
        const checkedAt = this.#checkedAt;
        this.#checkedAt = this.platform.now();
        if (!this.isOnline)
            return;
        // Only the checks tell that a silent client was suspended.
        if (this.allowsSilence() && this.#checkedAt - checkedAt > SUSPENSION_MS) {
            this.#isUnconfirmed = true;
            this.clock.invalidate();
        }
        if (this.allowsSilence())
            this.#monitor.receive(false);
        const condition = this.assess(this.#monitor.check(this.expectsTicks()));
        if (condition === 'dead')
            return this.connection.abort();
        if (condition === 'probe')
            this.clock.invalidate();
        this.#isStale = condition === 'stale';
        this.syncClock();
        this.maintainOnline();
        this.publish();
    }
    /** Runs when the page becomes visible or the network returns: that suggests an attempt, and proves nothing. */
    #wake() {
        if (this.connection.state.phase === 'offline')
            this.connection.open();
        const silentMs = this.platform.now() - this.#receivedAt;
        const isTicking = this.expectsTicks();
        this.#isUnconfirmed ||= isTicking ? silentMs > SILENCE_MAX_MS.ticking : silentMs > SILENCE_MAX_MS.idle && !this.allowsSilence();
        this.#monitor.suspect();
        this.clock.invalidate();
        this.#check();
        this.publish();
    }
}
