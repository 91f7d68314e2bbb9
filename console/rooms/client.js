/** One member of one room: the connection, the model, and the requests without an answer. */
import { Connection } from '../net/connection.js';
import { reconnectOnHints } from '../net/reconnect-hints.js';
import { ServerTime } from '../net/server-time.js';
import { PATH, QUERY, socketIo } from '../net/socketio.js';
import { TickWatchdog } from '../net/tick-watchdog.js';
import { socketUrl } from '../identity.js';
import { INITIAL_MODEL, reduce } from './model.js';
import { PendingRequests } from './pending-requests.js';

const CHECK_INTERVAL_MS = 1_000;
const UNAUTHORISED = 4401;
const TOO_MANY = 4429;

/** A server ping that is later than announced by this much means that the connection is dead. */
const PING_GRACE_MS = 5_000;

/** While a request is pending, the displayed values count as stale after this silence. */
const STALE_AFTER_MS = 3_000;

/** While a request is pending, the connection is aborted after this silence; the server answers within 20 s. */
const RESPONSE_TIMEOUT_MS = 25_000;

const CONNECTION_LOST = {
  message: 'The connection was lost. After reconnecting, the page shows whether your last command took effect.',
};
const TAKEN_OVER = {
  message: 'Another tab has taken over your membership. This tab joins again as a new member. Your last command was not carried out.',
};

export class RoomsClient {
  #connection;
  #options;
  #watchdog = new TickWatchdog();
  #pending = new PendingRequests();
  #lastReceivedAt = 0;
  #pingTimeoutMs = 60_000;
  /** The server has admitted this client to the target room on this connection. */
  #isJoined = false;
  /** The server may count this client as a member of some room on this connection. */
  #mayBeJoined = false;
  /** A `timer:state` that arrived while a command was pending. */
  #deferredState = null;

  model = INITIAL_MODEL;
  /** Ticks or answers are due and do not arrive. */
  stale = false;
  /** The room to join: `{sessionId}`, or `{create: {duration}}` until it has an id; null for none. */
  target = null;
  /** The error that ended the attempt to join the target: `{code, message}`, or null. */
  joinError = null;
  /** The error of the last attempt to join, or null. The client retries as long as `joinError` is null. */
  lastJoinError = null;

  /**
   * Callbacks: `onChange()`, `onMessage(message, before)` with the model before the message,
   * `onJoined(roomId, isNew)`, `onError(error)`.
   */
  constructor({ identity, storage, time = new ServerTime(), now = Date.now, connect = (options) => new Connection(options), ...options }) {
    this.time = time;
    this.#options = { storage, now, ...options };
    this.#connection = connect({
      url: socketUrl(location, PATH, QUERY),
      protocol: socketIo(identity?.token ? { token: identity.token } : null),
      isHandshake: (message) => message.type === 'connect',
      onMessage: (message) => this.#receive(message),
      onStateChange: () => this.#handleConnectionState(),
    });
  }

  get connectionState() {
    return this.#connection.state;
  }

  /** Whether the displayed values are current. */
  get fresh() {
    return this.canSendCommands && !this.stale;
  }

  get canSendCommands() {
    return this.connectionState.phase === 'online' && this.#isJoined;
  }

  /** The countdown with the pending commands applied. */
  get predictedState() {
    const { room } = this.model;
    return room && this.#pending.predict(room.state);
  }

  open() {
    this.#connection.open();
    reconnectOnHints(this.#connection);
    setInterval(() => this.check(), CHECK_INTERVAL_MS);
  }

  retryNow() {
    this.#connection.retryNow();
  }

  create(duration) {
    this.#setTarget({ create: { duration } });
  }

  join(sessionId) {
    if (this.joinError || this.target?.sessionId !== sessionId) this.#setTarget({ sessionId });
  }

  leave() {
    const { room } = this.model;
    if (room) this.#options.storage.deleteResumeSecret(room.sessionId);
    this.#setTarget(null);
  }

  /** Sends a command for the countdown. Returns whether it was sent. */
  sendCommand(type, payload) {
    const { room } = this.model;
    if (!room || !this.canSendCommands) return false;
    const message = { type, payload: { ...payload, sessionId: room.sessionId } };
    return this.#request(message, { rev: room.state.rev, at: this.time.now() });
  }

  /** Checks the connection, the clock and unfinished work. Runs once a second, and when the page becomes visible. */
  check() {
    if (this.connectionState.phase !== 'online') return;
    this.#syncTime();
    const silentMs = this.#options.now() - this.#lastReceivedAt;
    const isPending = !this.#pending.isEmpty;
    if (silentMs > this.#pingTimeoutMs || (isPending && silentMs > RESPONSE_TIMEOUT_MS)) return this.#connection.abort();
    const { room } = this.model;
    const expectsTicks = this.#isJoined && room?.state.isRunning && room.state.endsAt - this.time.now() > CHECK_INTERVAL_MS;
    const status = this.#watchdog.check(Boolean(expectsTicks));
    if (status === 'dead') return this.#connection.abort();
    this.#apply(this.#deferredState);
    this.stale = status === 'stale' || (isPending && silentMs > STALE_AFTER_MS);
    if (this.target === null && this.#mayBeJoined && !isPending) this.#request({ type: 'session:leave' });
    if (this.target && !this.#isJoined && !this.#pending.isJoining) this.#requestJoin();
    this.#options.onChange();
  }

  #setTarget(target) {
    Object.assign(this, { target, joinError: null, lastJoinError: null, model: INITIAL_MODEL });
    this.#isJoined = false;
    this.#deferredState = null;
    // The server handles requests in order, so this also undoes a join that is still in flight.
    if (this.#mayBeJoined) this.#request({ type: 'session:leave' });
    this.#requestJoin();
    this.#options.onChange();
  }

  /** Requests to join or create the target room, if the connection is online. */
  #requestJoin() {
    const { target, joinError } = this;
    if (!target || joinError || this.connectionState.phase !== 'online') return;
    const { storage } = this.#options;
    const name = storage.name || undefined;
    this.#mayBeJoined = true;
    if (target.create) return this.#request({ type: 'session:create', payload: { ...target.create, name } });
    const { room } = this.model;
    const resume = storage.resumeSecret(target.sessionId) ?? room?.resume;
    this.#request({ type: 'session:join', payload: { sessionId: target.sessionId, name, resume } });
  }

  #request(message, base) {
    const id = this.#pending.add(message, base);
    const sent = this.#connection.send({ ...message, id });
    if (!sent) this.#pending.take(id);
    else this.#options.onChange();
    return sent;
  }

  #receive(message) {
    this.#lastReceivedAt = this.#options.now();
    switch (message.type) {
      case 'ping':
        return;
      case 'open': {
        const { pingInterval, pingTimeout } = message.payload ?? {};
        this.#pingTimeoutMs = pingInterval + pingTimeout + PING_GRACE_MS || this.#pingTimeoutMs;
        return;
      }
      case 'connect':
        this.#syncTime();
        return this.#requestJoin();
      case 'connect_error':
        return this.#connection.abort(message.payload?.message === 'Too many connections' ? TOO_MANY : UNAUTHORISED);
      case 'disconnect':
        return this.#connection.abort(UNAUTHORISED);
      case 'ack':
        return this.#handleAck(message);
      case 'error':
        return this.#handleError(message.payload);
      default:
        return this.#handleEvent(message);
    }
  }

  #syncTime() {
    this.time.sync().then((updated) => updated && this.#options.onChange());
  }

  #handleEvent(message) {
    const { type, payload } = message;
    if (type === 'timer:tick') this.#watchdog.reset();
    const serverTime = payload?.serverTime ?? payload?.state?.serverTime;
    if (serverTime !== undefined) this.time.observe(serverTime);
    // A requested join is handled by its ack, which names the request.
    if (type === 'session:joined') {
      const isUnrequested = !this.#pending.isJoining && payload.sessionId === this.target?.sessionId;
      return isUnrequested && this.#handleJoined(payload);
    }
    // The ack of the join will contain the whole state.
    if (!this.#isJoined) return;
    if (type === 'timer:state' && this.#pending.hasCommands) this.#deferredState = message;
    else this.#apply(message);
    this.#options.onChange();
  }

  #apply(message) {
    if (!message) return;
    if (message === this.#deferredState) this.#deferredState = null;
    const before = this.model;
    this.model = reduce(before, message);
    if (this.model !== before) this.#options.onMessage(message, before);
  }

  #handleJoined(payload) {
    this.target = { sessionId: payload.sessionId };
    Object.assign(this, { joinError: null, lastJoinError: null });
    const isNew = this.model.room?.sessionId !== payload.sessionId;
    this.#isJoined = true;
    this.#options.storage.saveResumeSecret(payload.sessionId, payload.resume);
    this.#apply({ type: 'session:joined', payload });
    this.#options.onJoined(payload.sessionId, isNew);
    this.#options.onChange();
  }

  #handleAck({ id, payload }) {
    const request = this.#pending.take(id);
    if (!request) return;
    const error = payload?.error;
    if (request.isJoin) {
      if (request.isLatest && this.target && !error) this.#handleJoined(payload);
      else if (request.isLatest && this.target) this.#handleJoinError(error);
    } else if (request.message.type === 'session:leave') {
      if (!error || error.code === 'NOT_JOINED') this.#mayBeJoined = this.#isJoined || this.#pending.isJoining;
    } else if (error) {
      this.#handleCommandError(error);
    } else {
      this.#apply({ type: 'timer:state', payload });
      this.#apply(this.#deferredState);
      if (this.model.room) this.#pending.rebase(this.model.room.state.rev);
    }
    this.#options.onChange();
  }

  #handleCommandError(error) {
    this.#apply(this.#deferredState);
    if (error.code !== 'NOT_JOINED') return this.#options.onError(error);
    this.#options.onError(TAKEN_OVER);
    this.#rejoinAsNewMember();
  }

  /** Gives up joining, unless the store was unavailable; `check` then retries. */
  #handleJoinError(error) {
    this.lastJoinError = error;
    if (error.code === 'UNAVAILABLE') return;
    this.model = INITIAL_MODEL;
    this.#isJoined = false;
    this.joinError = error;
  }

  /** Handles an `error` event without a pending request. The errors of requests also arrive in their acks. */
  #handleError(error) {
    if (!this.#pending.isEmpty) return;
    if (error.code === 'NOT_JOINED') this.#rejoinAsNewMember();
    else if (error.code === 'SESSION_NOT_FOUND') this.#handleJoinError(error);
    else this.#options.onError(error);
    this.#options.onChange();
  }

  /** Joins without the resume secret, because another tab has taken over the membership. */
  #rejoinAsNewMember() {
    const { room } = this.model;
    if (!room || !this.#isJoined) return;
    this.#isJoined = false;
    this.#options.storage.deleteResumeSecret(room.sessionId);
    this.model = { ...this.model, room: { ...room, resume: undefined } };
    this.#requestJoin();
  }

  #handleConnectionState() {
    this.#watchdog.reset();
    this.#lastReceivedAt = this.#options.now();
    this.stale = false;
    if (this.connectionState.phase !== 'online') {
      const { hasCommands } = this.#pending;
      this.#pending.clear();
      this.#apply(this.#deferredState);
      this.#isJoined = false;
      this.#mayBeJoined = false;
      if (hasCommands) this.#options.onError(CONNECTION_LOST);
    }
    this.#options.onChange();
  }
}
