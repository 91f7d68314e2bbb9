/** The client of one member of one room: the membership, and the time. */
import { OVERLAP_MS } from '../core/connection.js';
import { httpUrl } from '../core/endpoint.js';
import { httpTime } from '../core/http-time.js';
import { LiveClient } from '../core/live-client.js';
import { socketIoDial } from '../core/socket-io-link.js';
import { Listeners } from '../core/store.js';
import { remainingMs, remainingSeconds } from './countdown.js';
import { joiningDial } from './joining-dial.js';
import { Membership } from './membership.js';
import { parseRoomEvent } from './protocol.js';
import { ResumeStorage } from './resume-storage.js';
/** While a request is pending, displayed values count as old after this silence. */
const STALE_AFTER_MS = 3_000;
/** While a request is pending, the connection is aborted after this silence; the server answers within 20 s. */
const RESPONSE_TIMEOUT_MS = 25_000;
/** With less than this left, no tick may be due before the end. */
const LAST_TICK_MS = 1_000;
/** See the module. Nothing happens before `open`. */
export class RoomsClient extends LiveClient {
    dial;
    requestTime;
    #events = new Listeners();
    #membership;
    #displayed = null;
    #lastReceivedAt = 0;
    #renderTimer = null;
    constructor(options) {
        super(options);
        this.requestTime = httpTime(options.url, options.fetch);
        this.#membership = new Membership({
            resumes: new ResumeStorage(options.storage),
            send: (message) => this.connection.send(message),
            isOnline: () => this.isOnline,
            now: () => this.platform.now(),
            serverNow: () => this.clock.now(),
            onEvent: (event, before) => this.#events.notify({ event, before }),
            onFault: (fault) => this.errors.notify({ kind: 'server', ...fault, retry: fault.code === 'UNAVAILABLE' }),
            onChange: () => this.publish(),
        });
        const url = httpUrl(options.url, 'socket.io/');
        const dial = socketIoDial(options.io, async () => ({ url, identity: await this.credentials.present() }));
        this.dial = joiningDial(dial, this.#membership, () => this.isOnline);
    }
    /** Calls `listener` with each event of the server that has changed something. */
    onEvent(listener) {
        return this.#events.add(listener);
    }
    /** Disconnects. The membership lasts for some seconds more, so that another client can resume it. */
    close() {
        super.close();
        this.platform.clearTimeout(this.#renderTimer);
    }
    /** Creates a room and joins it. `duration` is in seconds. */
    create({ name, ...create } = {}) {
        this.#membership.setTarget({ create, ...(name ? { name } : {}) });
    }
    /** Joins a room, and leaves the previous one. */
    join(sessionId, { name } = {}) {
        const { target, joinError } = this.#membership;
        const isTarget = target !== null && 'sessionId' in target && target.sessionId === sessionId;
        if (joinError || !isTarget)
            this.#membership.setTarget({ sessionId, ...(name ? { name } : {}) });
    }
    leave() {
        this.#membership.setTarget(null);
    }
    /** Sends a command for the countdown. It is displayed at once, and not repeated if the connection is lost. */
    send(command) {
        return new Promise((resolve) => {
            this.#membership.send(command, (fault) => resolve(fault ? { ok: false, error: this.#report(command, fault) } : { ok: true }));
        });
    }
    isHandshake({ type }) {
        return type === 'connect';
    }
    isTick({ type }) {
        return type === 'timer:tick';
    }
    countsAfterHandover(message) {
        return message.type === 'ack' || this.isTick(message);
    }
    overlapMs() {
        return this.#membership.hasPendingCommands ? OVERLAP_MS : super.overlapMs();
    }
    expectsTicks() {
        const { room } = this.#membership.model;
        return this.#membership.isJoined && room !== null && room.state.isRunning && remainingMs(room.state, this.clock.now()) > LAST_TICK_MS;
    }
    /** Socket.IO itself notices a link without pings. */
    allowsSilence() {
        return true;
    }
    assess(condition) {
        if (!this.#membership.isPending)
            return condition;
        const silentMs = this.platform.now() - this.#lastReceivedAt;
        if (silentMs > RESPONSE_TIMEOUT_MS)
            return 'dead';
        return condition === 'ok' && silentMs > STALE_AFTER_MS ? 'stale' : condition;
    }
    receive(message, isHandover) {
        this.#lastReceivedAt = this.platform.now();
        if (message.type === 'connect')
            return this.#handleConnect(message, isHandover);
        const event = parseRoomEvent(message);
        const serverTime = event?.type === 'session:joined' ? event.payload.state.serverTime : event && 'serverTime' in event.payload ? event.payload.serverTime : undefined;
        if (serverTime !== undefined)
            this.clock.observe(serverTime);
        this.#membership.receive(message);
    }
    handleOffline() {
        this.#membership.handleLoss();
    }
    maintainOnline() {
        this.#membership.check();
    }
    /** The displayed second changes when the part above whole seconds has elapsed. */
    publish() {
        super.publish();
        this.platform.clearTimeout(this.#renderTimer);
        const { timer, remainingSeconds, connection } = this.getSnapshot();
        if (!timer?.isRunning || remainingSeconds === 0 || connection.phase === 'closed')
            return;
        const ms = remainingMs(timer, this.clock.now());
        this.#renderTimer = this.platform.setTimeout(() => this.publish(), (ms % 1000 || 1000) + 1);
    }
    describe() {
        const { model, target, timer, joinError, lastJoinError } = this.#membership;
        this.#displayed = timer && { state: timer, seconds: remainingSeconds(timer, this.clock.now(), this.#displayed) };
        return {
            connection: this.connection.state,
            target,
            room: model.room,
            timer,
            remainingSeconds: this.#displayed?.seconds ?? null,
            completedAt: model.completedAt,
            times: this.#canSendCommands && this.isLive ? 'live' : 'continued',
            canSendCommands: this.#canSendCommands,
            joinError,
            lastJoinError,
        };
    }
    get #canSendCommands() {
        return this.isOnline && this.#membership.isJoined;
    }
    #handleConnect({ payload }, isHandover) {
        const { target, answer } = (payload ?? {});
        if (target)
            this.#membership.handleJoinedLink(target, answer, isHandover);
        else
            this.#membership.handleConnect();
    }
    #report(command, { code, message }) {
        const { type, ...payload } = command;
        const error = { kind: 'command', code, message: message || code, command: { id: '', type, payload } };
        this.errors.notify(error);
        return error;
    }
}
