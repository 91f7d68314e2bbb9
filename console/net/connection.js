/**
 * A WebSocket that reconnects automatically. It does not interpret messages: `isHandshake` recognises the
 * message that completes the handshake, and `protocol` encodes and decodes messages.
 */
import { backoff } from './backoff.js';
import { reconnectPolicy } from './close-code.js';

const RECONNECT = { baseMs: 1_000, capMs: 15_000 };

/** A connection without a handshake by then is aborted; a browser alone waits for minutes. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** One message per text frame. `read` may reply to messages below the application level by itself. */
const JSON_PROTOCOL = { read: (text) => parse(text), write: (message) => JSON.stringify(message) };

/** Only a connection that lasted this long resets the backoff; one that the server drops at once does not. */
const STABLE_MS = 20_000;

export class Connection {
  #options;
  #platform;
  #socket = null;
  #timer = null;
  #failures = 0;
  #onlineAt = null;

  /** `{phase: 'connecting' | 'online'}`, `{phase: 'offline', retryAt, code}` or `{phase: 'refused', error}`. */
  state = { phase: 'connecting' };

  constructor(options, platform = browser()) {
    this.#options = { protocol: JSON_PROTOCOL, ...options };
    this.#platform = platform;
  }

  open() {
    this.#platform.clearTimeout(this.#timer);
    this.#setState({ phase: 'connecting' });
    const socket = new this.#platform.WebSocket(this.#options.url);
    this.#socket = socket;
    socket.onmessage = (event) => this.#receive(event.data);
    socket.onclose = (event) => this.#handleClose(event.code, event.reason);
    this.#timer = this.#platform.setTimeout(() => this.abort(), HANDSHAKE_TIMEOUT_MS);
  }

  /** Returns whether the message was passed to an open socket. Delivery is not guaranteed. */
  send(message) {
    if (this.state.phase !== 'online' || this.#socket.readyState !== 1) return false;
    this.#socket.send(this.#options.protocol.write(message));
    return true;
  }

  retryNow() {
    if (this.state.phase === 'offline' || this.state.phase === 'refused') this.open();
  }

  /** Closes the socket without waiting for the close event, for example because the connection seems dead. */
  abort(code = 1006) {
    this.#socket?.close();
    this.#handleClose(code, '');
  }

  #receive(text) {
    const message = this.#options.protocol.read(text, (reply) => this.#socket.send(reply));
    if (!message) return;
    if (this.state.phase === 'connecting' && this.#options.isHandshake(message)) {
      this.#platform.clearTimeout(this.#timer);
      this.#onlineAt = this.#platform.now();
      this.#setState({ phase: 'online' });
    }
    this.#options.onMessage(message);
  }

  #handleClose(code, reason) {
    this.#platform.clearTimeout(this.#timer);
    this.#socket.onmessage = null;
    this.#socket.onclose = null;
    const wasStable = this.#onlineAt !== null && this.#platform.now() - this.#onlineAt >= STABLE_MS;
    this.#onlineAt = null;
    const { refused, retryAfterMs, backoffSteps } = reconnectPolicy(code, reason);
    if (refused) return this.#setState({ phase: 'refused', error: { reason: refused, code } });

    this.#failures = (wasStable ? 0 : this.#failures) + (backoffSteps ?? 0);
    const delay = retryAfterMs ?? backoff(this.#failures, RECONNECT, this.#platform.random);
    this.#failures += 1;
    this.#timer = this.#platform.setTimeout(() => this.open(), delay);
    this.#setState({ phase: 'offline', retryAt: this.#platform.now() + delay, code });
  }

  #setState(state) {
    this.state = state;
    this.#options.onStateChange(state);
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
