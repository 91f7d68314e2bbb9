/**
 * One WebSocket that comes back by itself. Knows links and waiting, not what the messages mean:
 * `isGreeting` says which message proves that the other side is ready, and `protocol` how messages are written.
 */
import { backoff } from './backoff.js';
import { verdict } from './close.js';

const RECONNECT = { baseMs: 1_000, capMs: 15_000 };

/** A link that has not greeted by then is taken for dead; browsers alone wait for minutes. */
const GREETING_MS = 10_000;

/** A message a text. `read` may answer by itself what is below messages. */
const JSON_MESSAGES = { read: (text) => parse(text), write: (message) => JSON.stringify(message) };

/** Only a link that held this long ends a series of failures; a server that drops us at once does not. */
const STABLE_MS = 20_000;

export class Connection {
  #options;
  #platform;
  #socket = null;
  #timer = null;
  #failures = 0;
  #onlineAt = null;

  /** `{phase: 'connecting' | 'online'}` or `{phase: 'offline', retryAt?, refused?, code?}`. */
  state = { phase: 'connecting' };

  constructor(options, platform = browser()) {
    this.#options = { protocol: JSON_MESSAGES, ...options };
    this.#platform = platform;
  }

  open() {
    this.#platform.clearTimeout(this.#timer);
    this.#set({ phase: 'connecting' });
    const socket = new this.#platform.WebSocket(this.#options.url);
    this.#socket = socket;
    socket.onmessage = (event) => this.#hear(event.data);
    socket.onclose = (event) => this.#lost(event.code, event.reason);
    this.#timer = this.#platform.setTimeout(() => this.drop(), GREETING_MS);
  }

  /** Says whether the message was handed to an open link; that it arrives is another matter. */
  send(message) {
    if (this.state.phase !== 'online' || this.#socket.readyState !== 1) return false;
    this.#socket.send(this.#options.protocol.write(message));
    return true;
  }

  retryNow() {
    if (this.state.phase === 'offline') this.open();
  }

  /** Gives up a link that seems dead although the browser has not said so, or is of no use for another reason. */
  drop(code = 1006) {
    this.#socket?.close();
    this.#lost(code, '');
  }

  #hear(text) {
    const message = this.#options.protocol.read(text, (answer) => this.#socket.send(answer));
    if (!message) return;
    if (this.state.phase === 'connecting' && this.#options.isGreeting(message)) {
      this.#platform.clearTimeout(this.#timer);
      this.#onlineAt = this.#platform.now();
      this.#set({ phase: 'online' });
    }
    this.#options.onMessage(message);
  }

  #lost(code, reason) {
    this.#platform.clearTimeout(this.#timer);
    this.#socket.onmessage = null;
    this.#socket.onclose = null;
    const held = this.#onlineAt !== null && this.#platform.now() - this.#onlineAt >= STABLE_MS;
    this.#onlineAt = null;
    const { refused, waitMs, steps } = verdict(code, reason);
    if (refused) return this.#set({ phase: 'offline', refused, code });

    this.#failures = (held ? 0 : this.#failures) + (steps ?? 0);
    const delay = waitMs ?? backoff(this.#failures, RECONNECT, this.#platform.random);
    this.#failures += 1;
    this.#timer = this.#platform.setTimeout(() => this.open(), delay);
    this.#set({ phase: 'offline', retryAt: this.#platform.now() + delay, code });
  }

  #set(state) {
    this.state = state;
    this.#options.onChange(state);
  }
}

function parse(text) {
  try {
    const message = JSON.parse(text);
    return typeof message?.type === 'string' ? message : null;
  } catch {
    return null;
  }
}

function browser() {
  return {
    WebSocket,
    setTimeout: (run, ms) => setTimeout(run, ms),
    clearTimeout: (timer) => clearTimeout(timer),
    now: () => Date.now(),
    random: Math.random,
  };
}
