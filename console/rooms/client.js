/** One member of one room: the link, the model it feeds, and what was asked and is not answered yet. */
import { Connection } from '../net/connection.js';
import { followHints } from '../net/hints.js';
import { Silence } from '../net/silence.js';
import { PATH, QUERY, socketIo } from '../net/socketio.js';
import { ServerTime } from '../net/time.js';
import { socketUrl } from '../identity.js';
import { foresee } from './countdown.js';
import { EMPTY, reduce, spoken } from './store.js';

const LOOK_MS = 1_000;
const UNAUTHORISED = 4401;

/** The server pings every 25 s; a link on which nothing at all is heard for longer is dead. */
const DEAD_LOOKS = 40;

export class RoomsClient {
  #connection;
  #options;
  #silence = new Silence();
  #looksSinceHeard = 0;
  #asked = new Map();
  #nextId = 1;
  /** The server has let us into the room over this link. */
  #isIn = false;

  model = EMPTY;
  time = new ServerTime();
  /** Ticks are due and do not come. */
  quiet = false;
  /** The room to be in: `{sessionId}`, or `{create: {duration}}` until it has an id; null for none. */
  wanted = null;
  /** Why it is not to be had: `{code, message}`, or null. */
  refused = null;

  /** `onChange()`, `onNews(text)`, `onEntered(room)`, `onFailed(fault)`. */
  constructor({ who, memory, ...options }) {
    this.#options = { memory, ...options };
    this.#connection = new Connection({
      url: socketUrl(location, PATH, { ...QUERY, ...(who?.userId && { userId: who.userId }) }),
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
    return this.link.phase === 'online' && !this.quiet;
  }

  /** The countdown with what was pressed and not answered yet. */
  get shown() {
    const { room } = this.model;
    if (!room) return null;
    // Once the server has told anything newer, its word is what counts.
    const pressed = [...this.#asked.values()].filter(({ rev }) => rev === room.state.rev);
    return pressed.reduce((state, { message, at }) => foresee(state, message, at), room.state);
  }

  open() {
    this.#connection.open();
    followHints(this.#connection);
    setInterval(() => this.#look(), LOOK_MS);
  }

  retryNow() {
    this.#connection.retryNow();
  }

  create(duration) {
    this.#want({ create: { duration } });
  }

  join(sessionId) {
    if (this.wanted?.sessionId !== sessionId) this.#want({ sessionId });
  }

  leave() {
    const { room } = this.model;
    if (room) this.#options.memory.forget(room.sessionId);
    if (room) this.#ask({ type: 'session:leave' });
    this.#want(null);
  }

  /** Drives the countdown; says whether that could be sent. */
  drive(type, payload) {
    const { room } = this.model;
    if (!room || this.link.phase !== 'online') return false;
    const message = { type, payload: { ...payload, sessionId: room.sessionId } };
    return this.#ask(message, { rev: room.state.rev, at: this.time.now() });
  }

  get #isEntering() {
    return [...this.#asked.values()].some(({ message }) => isEntering(message));
  }

  #want(wanted) {
    this.wanted = wanted;
    this.refused = null;
    this.model = EMPTY;
    this.#isIn = false;
    this.#enter();
    this.#options.onChange();
  }

  /** Comes into the room that is wanted, if there is a link to do so. */
  #enter() {
    const { wanted } = this;
    if (!wanted || this.link.phase !== 'online') return;
    const { memory } = this.#options;
    const name = memory.name || undefined;
    if (wanted.create) return this.#ask({ type: 'session:create', payload: { ...wanted.create, name } });
    const resume = memory.resume(wanted.sessionId);
    this.#ask({ type: 'session:join', payload: { sessionId: wanted.sessionId, name, resume } });
  }

  #ask(message, pressed = {}) {
    const id = this.#nextId++;
    this.#asked.set(id, { message, ...pressed });
    const sent = this.#connection.send({ ...message, id });
    if (!sent) this.#asked.delete(id);
    else this.#options.onChange();
    return sent;
  }

  #hear(message) {
    this.#looksSinceHeard = 0;
    switch (message.type) {
      case 'ping':
        return;
      case 'connected':
        return this.#begin();
      case 'refused':
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

  #begin() {
    this.time.keep().then((better) => better && this.#options.onChange());
    this.#enter();
  }

  #learn(message) {
    const { type, payload } = message;
    if (type === 'timer:tick') {
      this.#silence.heard();
      this.time.told(payload.serverTime);
    }
    if (type === 'session:joined') {
      if (!this.wanted || (this.wanted.sessionId && this.wanted.sessionId !== payload.sessionId)) return;
      this.wanted = { sessionId: payload.sessionId };
      this.#isIn = true;
      this.#options.memory.keep(payload.sessionId, payload.resume);
    }
    const before = this.model;
    this.model = reduce(before, message);
    const news = this.model === before ? '' : spoken(message, before);
    if (news) this.#options.onNews(news);
    if (type === 'session:joined') this.#options.onEntered(payload.sessionId);
    this.#options.onChange();
  }

  #settle({ id, payload }) {
    const { message } = this.#asked.get(id) ?? {};
    this.#asked.delete(id);
    const fault = payload?.error;
    if (fault && isEntering(message)) this.#notEntered(fault);
    else if (fault?.code === 'NOT_JOINED') this.#comeAnew();
    else if (fault) this.#options.onFailed(fault);
    this.#options.onChange();
  }

  /** What the store's absence is the reason of is tried again by itself. */
  #notEntered(fault) {
    if (fault.code === 'UNAVAILABLE') return;
    this.model = EMPTY;
    this.refused = fault;
  }

  /** A fault that nobody waits for: those of what was asked come as an answer too. */
  #fault(fault) {
    if (this.#asked.size > 0) return;
    if (fault.code === 'NOT_JOINED') this.#comeAnew();
    else if (fault.code === 'SESSION_NOT_FOUND') this.#notEntered(fault);
    else this.#options.onFailed(fault);
    this.#options.onChange();
  }

  /** Another tab goes on as this member, so this one becomes somebody of its own. */
  #comeAnew() {
    const { room } = this.model;
    this.#isIn = false;
    if (room) this.#options.memory.forget(room.sessionId);
    this.#enter();
  }

  #follow() {
    this.#silence.heard();
    this.#looksSinceHeard = 0;
    this.quiet = false;
    // What was asked and not answered: the state that comes with the next link says what became of it.
    if (this.link.phase !== 'online') {
      this.#asked.clear();
      this.#isIn = false;
    }
    this.#options.onChange();
  }

  #look() {
    if (this.link.phase !== 'online') return;
    this.time.keep().then((better) => better && this.#options.onChange());
    this.#looksSinceHeard += 1;
    if (this.wanted && !this.#isIn && !this.refused && !this.#isEntering) this.#enter();
    const { room } = this.model;
    const ticks = room?.state.isRunning && room.state.endsAt - this.time.now() > LOOK_MS;
    const heard = this.#silence.look(ticks);
    if (heard === 'dead' || this.#looksSinceHeard > DEAD_LOOKS) return this.#connection.drop();
    const quiet = heard !== 'heard';
    if (quiet === this.quiet) return;
    this.quiet = quiet;
    this.#options.onChange();
  }
}

function isEntering(message) {
  return message?.type === 'session:join' || message?.type === 'session:create';
}
