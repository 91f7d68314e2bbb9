/** One member of one room: the link, the model it feeds, and what was asked and is not answered yet. */
import { Connection } from '../net/connection.js';
import { followHints } from '../net/hints.js';
import { Silence } from '../net/silence.js';
import { PATH, QUERY, socketIo } from '../net/socketio.js';
import { ServerTime } from '../net/time.js';
import { socketUrl } from '../identity.js';
import { Pending } from './pending.js';
import { EMPTY, reduce } from './store.js';

const LOOK_MS = 1_000;
const UNAUTHORISED = 4401;
const TOO_MANY = 4429;

/** The server pings by itself; later than it says by so much, the link is dead. */
const PING_LATE_MS = 5_000;

/** While something is asked, so long a silence makes one doubt; the server has answered in twenty seconds at most. */
const DOUBT_MS = 3_000;
const SILENT_MS = 25_000;

const LOST = { message: 'The connection was lost. Whether the last press counts is shown when it is back.' };
const TAKEN = { message: 'Another tab goes on as you; here you are somebody else now. That was not done.' };

export class RoomsClient {
  #connection;
  #options;
  #silence = new Silence();
  #pending = new Pending();
  #heardAt = 0;
  #pingsWithinMs = 60_000;
  /** The server has let us into the room that is wanted, over this link. */
  #isIn = false;
  /** It may have us in some room, over this link. */
  #mayBeIn = false;
  /** A state that came while a press was under way. */
  #held = null;

  model = EMPTY;
  /** Ticks or answers are due and do not come. */
  quiet = false;
  /** The room to be in: `{sessionId}`, or `{create: {duration}}` until it has an id; null for none. */
  wanted = null;
  /** Why it is not to be had: `{code, message}`, or null. */
  refused = null;
  /** Why it is not to be had yet. */
  delayed = null;

  /** `onChange()`, `onMessage(message, before)` with the model before it, `onEntered(room)`, `onFailed(fault)`. */
  constructor({ who, memory, time = new ServerTime(), now = Date.now, connect = (options) => new Connection(options), ...options }) {
    this.time = time;
    this.#options = { memory, now, ...options };
    this.#connection = connect({
      url: socketUrl(location, PATH, QUERY),
      protocol: socketIo(who?.token ? { token: who.token } : null),
      isGreeting: (message) => message.type === 'connected',
      onMessage: (message) => this.#hear(message),
      onChange: () => this.#follow(),
    });
  }

  get link() {
    return this.#connection.state;
  }

  /** What is on the page is what the server says now. */
  get fresh() {
    return this.link.phase === 'online' && this.#isIn && !this.quiet;
  }

  /** Whether a press can be sent. */
  get drives() {
    return this.link.phase === 'online' && this.#isIn;
  }

  /** The countdown with what was pressed and not answered yet. */
  get shown() {
    const { room } = this.model;
    return room && this.#pending.foresee(room.state);
  }

  open() {
    this.#connection.open();
    followHints(this.#connection);
    setInterval(() => this.look(), LOOK_MS);
  }

  retryNow() {
    this.#connection.retryNow();
  }

  create(duration) {
    this.#want({ create: { duration } });
  }

  join(sessionId) {
    if (this.refused || this.wanted?.sessionId !== sessionId) this.#want({ sessionId });
  }

  leave() {
    const { room } = this.model;
    if (room) this.#options.memory.forget(room.sessionId);
    this.#want(null);
  }

  /** Drives the countdown; says whether that could be sent. */
  drive(type, payload) {
    const { room } = this.model;
    if (!room || !this.drives) return false;
    const message = { type, payload: { ...payload, sessionId: room.sessionId } };
    return this.#ask(message, { rev: room.state.rev, at: this.time.now() });
  }

  /** Looks after the link, the time, and what is not done yet; once a second, and when the page is seen again. */
  look() {
    if (this.link.phase !== 'online') return;
    this.#keepTime();
    const silentMs = this.#options.now() - this.#heardAt;
    const isAsked = !this.#pending.isEmpty;
    if (silentMs > this.#pingsWithinMs || (isAsked && silentMs > SILENT_MS)) return this.#connection.drop();
    const { room } = this.model;
    const ticks = this.#isIn && room?.state.isRunning && room.state.endsAt - this.time.now() > LOOK_MS;
    const heard = this.#silence.look(Boolean(ticks));
    if (heard === 'dead') return this.#connection.drop();
    this.#apply(this.#held);
    this.quiet = heard === 'quiet' || (isAsked && silentMs > DOUBT_MS);
    if (this.wanted === null && this.#mayBeIn && !isAsked) this.#ask({ type: 'session:leave' });
    if (this.wanted && !this.#isIn && !this.#pending.isEntering) this.#enter();
    this.#options.onChange();
  }

  #want(wanted) {
    Object.assign(this, { wanted, refused: null, delayed: null, model: EMPTY });
    this.#isIn = false;
    this.#held = null;
    // What is asked is done one after the other, so this undoes an entry that is still under way.
    if (this.#mayBeIn) this.#ask({ type: 'session:leave' });
    this.#enter();
    this.#options.onChange();
  }

  /** Comes into the room that is wanted, if there is a link to do so. */
  #enter() {
    const { wanted, refused } = this;
    if (!wanted || refused || this.link.phase !== 'online') return;
    const { memory } = this.#options;
    const name = memory.name || undefined;
    this.#mayBeIn = true;
    if (wanted.create) return this.#ask({ type: 'session:create', payload: { ...wanted.create, name } });
    const { room } = this.model;
    const resume = memory.resume(wanted.sessionId) ?? room?.resume;
    this.#ask({ type: 'session:join', payload: { sessionId: wanted.sessionId, name, resume } });
  }

  #ask(message, pressed) {
    const id = this.#pending.add(message, pressed);
    const sent = this.#connection.send({ ...message, id });
    if (!sent) this.#pending.take(id);
    else this.#options.onChange();
    return sent;
  }

  #hear(message) {
    this.#heardAt = this.#options.now();
    switch (message.type) {
      case 'ping':
        return;
      case 'opened': {
        const { pingInterval, pingTimeout } = message.payload ?? {};
        this.#pingsWithinMs = pingInterval + pingTimeout + PING_LATE_MS || this.#pingsWithinMs;
        return;
      }
      case 'connected':
        this.#keepTime();
        return this.#enter();
      case 'refused':
        return this.#connection.drop(message.payload?.message === 'Too many connections' ? TOO_MANY : UNAUTHORISED);
      case 'disconnected':
        return this.#connection.drop(UNAUTHORISED);
      case 'answer':
        return this.#settle(message);
      case 'error':
        return this.#fault(message.payload);
      default:
        return this.#learn(message);
    }
  }

  #keepTime() {
    this.time.keep().then((better) => better && this.#options.onChange());
  }

  #learn(message) {
    const { type, payload } = message;
    if (type === 'timer:tick') this.#silence.heard();
    const told = payload?.serverTime ?? payload?.state?.serverTime;
    if (told !== undefined) this.time.told(told);
    // What we have asked for comes as an answer too, which says for what it is one.
    if (type === 'session:joined') {
      const isUnasked = !this.#pending.isEntering && payload.sessionId === this.wanted?.sessionId;
      return isUnasked && this.#entered(payload);
    }
    // The answer that lets us in has all of it.
    if (!this.#isIn) return;
    if (type === 'timer:state' && this.#pending.hasPresses) this.#held = message;
    else this.#apply(message);
    this.#options.onChange();
  }

  #apply(message) {
    if (!message) return;
    if (message === this.#held) this.#held = null;
    const before = this.model;
    this.model = reduce(before, message);
    if (this.model !== before) this.#options.onMessage(message, before);
  }

  #entered(payload) {
    this.wanted = { sessionId: payload.sessionId };
    Object.assign(this, { refused: null, delayed: null });
    const isNew = this.model.room?.sessionId !== payload.sessionId;
    this.#isIn = true;
    this.#options.memory.keep(payload.sessionId, payload.resume);
    this.#apply({ type: 'session:joined', payload });
    this.#options.onEntered(payload.sessionId, isNew);
    this.#options.onChange();
  }

  #settle({ id, payload }) {
    const asked = this.#pending.take(id);
    if (!asked) return;
    const fault = payload?.error;
    if (asked.enters) {
      if (asked.isLast && this.wanted && !fault) this.#entered(payload);
      else if (asked.isLast && this.wanted) this.#notEntered(fault);
    } else if (asked.message.type === 'session:leave') {
      if (!fault || fault.code === 'NOT_JOINED') this.#mayBeIn = this.#isIn || this.#pending.isEntering;
    } else if (fault) {
      this.#pressFailed(fault);
    } else {
      this.#apply({ type: 'timer:state', payload });
      this.#apply(this.#held);
      if (this.model.room) this.#pending.rebase(this.model.room.state.rev);
    }
    this.#options.onChange();
  }

  #pressFailed(fault) {
    this.#apply(this.#held);
    if (fault.code !== 'NOT_JOINED') return this.#options.onFailed(fault);
    this.#options.onFailed(TAKEN);
    this.#comeAnew();
  }

  /** What the store's absence is the reason of is tried again by itself. */
  #notEntered(fault) {
    this.delayed = fault;
    if (fault.code === 'UNAVAILABLE') return;
    this.model = EMPTY;
    this.#isIn = false;
    this.refused = fault;
  }

  /** A fault that nobody waits for: those of what was asked come as an answer too. */
  #fault(fault) {
    if (!this.#pending.isEmpty) return;
    if (fault.code === 'NOT_JOINED') this.#comeAnew();
    else if (fault.code === 'SESSION_NOT_FOUND') this.#notEntered(fault);
    else this.#options.onFailed(fault);
    this.#options.onChange();
  }

  /** Another tab goes on as this member, so this one becomes somebody of its own. */
  #comeAnew() {
    const { room } = this.model;
    if (!room || !this.#isIn) return;
    this.#isIn = false;
    this.#options.memory.forget(room.sessionId);
    this.model = { ...this.model, room: { ...room, resume: undefined } };
    this.#enter();
  }

  #follow() {
    this.#silence.heard();
    this.#heardAt = this.#options.now();
    this.quiet = false;
    if (this.link.phase !== 'online') {
      const pressed = this.#pending.hasPresses;
      this.#pending.clear();
      this.#apply(this.#held);
      this.#isIn = false;
      this.#mayBeIn = false;
      if (pressed) this.#options.onFailed(LOST);
    }
    this.#options.onChange();
  }
}
