/**
 * Holds commands until the server answers them. Sends one at a time, in the order of submission, so a
 * retried pause never overtakes the resume that follows it. A command keeps its id across attempts, and
 * the server carries out each id of a client once, on whichever connection the client repeats it.
 */
import { backoff } from '../net/backoff.js';
import { randomId } from './commands.js';

/** More commands than a user submits on purpose while offline. */
const LIMIT = 20;

/** The server's own limit; it would close the connection over a larger message. */
const MESSAGE_BYTES_MAX = 64 * 1024;

/** The server fails a command after 5 s and reports it; a longer silence means that the answer was lost. */
const RESPONSE_TIMEOUT_MS = 10_000;

/** The server remembers an id for 5 minutes. An older command could be carried out twice. */
const RESEND_WINDOW_MS = 240_000;

const ATTEMPTS_MAX = 5;
const RETRY = { baseMs: 1_000, capMs: 8_000 };

export class Outbox {
  /** Names this outbox to the server, which counts command ids for each client separately. */
  clientId = randomId();

  #options;
  #platform;
  #entries = [];
  #online = false;
  #timer = null;
  #inFlight = false;

  /**
   * `send(message)` returns whether the message was sent; `onTimeout()` may abort the connection;
   * `onError(message, {code, message})` reports a command that failed permanently.
   */
  constructor(options, platform = browser()) {
    this.#options = options;
    this.#platform = platform;
  }

  /** `{id, type, payload}` of every command without an answer, oldest first. */
  get pending() {
    return this.#entries.map((entry) => entry.message);
  }

  /** Returns whether the command was accepted. */
  submit({ type, payload }) {
    const message = { type, id: randomId(), payload };
    const code = this.#rejectionCode(message);
    if (code) {
      this.#options.onError(message, { code });
      return false;
    }
    this.#entries.push({ message, attempts: 0, firstSentAt: null });
    this.#sendNext();
    this.#options.onChange();
    return true;
  }

  setOnline(online) {
    this.#online = online;
    this.#clearInFlight();
    this.#sendNext();
  }

  /** Processes an answer. An answer to any command but the current one is a repetition and is ignored. */
  settle({ type, id, payload }) {
    const head = this.#entries[0];
    if (!head || head.message.id !== id) return;
    if (type === 'ack') this.#finish();
    else if (payload.retry) this.#retryLater(head, payload);
    else this.failCurrent(payload);
  }

  /** Fails the command that is in flight, if there is one. */
  failCurrent(error) {
    if (!this.#inFlight) return;
    this.#fail(error);
  }

  #rejectionCode(message) {
    if (this.#entries.length >= LIMIT) return 'queue_full';
    const bytes = new TextEncoder().encode(JSON.stringify(message)).length;
    return bytes > MESSAGE_BYTES_MAX ? 'too_large' : null;
  }

  #sendNext() {
    const head = this.#entries[0];
    if (!head || !this.#online || this.#timer) return;
    const now = this.#platform.now();
    if (head.firstSentAt !== null && now - head.firstSentAt > RESEND_WINDOW_MS) {
      return this.#fail({ code: 'outcome_unknown' });
    }
    if (!this.#options.send(head.message)) return;
    head.firstSentAt ??= now;
    this.#inFlight = true;
    this.#timer = this.#platform.setTimeout(() => this.#handleTimeout(head), RESPONSE_TIMEOUT_MS);
  }

  #handleTimeout(head) {
    this.#options.onTimeout();
    if (this.#online) this.#retryLater(head, { code: 'no_answer' });
  }

  #retryLater(head, error) {
    this.#clearInFlight();
    head.attempts += 1;
    if (head.attempts >= ATTEMPTS_MAX) return this.#fail(error);
    const delay = backoff(head.attempts, RETRY, this.#platform.random);
    this.#timer = this.#platform.setTimeout(() => {
      this.#clearInFlight();
      this.#sendNext();
    }, delay);
  }

  #fail(error) {
    const { message } = this.#entries[0];
    this.#finish();
    this.#options.onError(message, error);
  }

  #finish() {
    this.#clearInFlight();
    this.#entries.shift();
    this.#sendNext();
    this.#options.onChange();
  }

  #clearInFlight() {
    this.#platform.clearTimeout(this.#timer);
    this.#timer = null;
    this.#inFlight = false;
  }
}

function browser() {
  return {
    setTimeout: (run, ms) => setTimeout(run, ms),
    clearTimeout: (timer) => clearTimeout(timer),
    now: () => Date.now(),
    random: Math.random,
  };
}
