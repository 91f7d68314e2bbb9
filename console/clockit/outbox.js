/**
 * Commands until the server has answered them. They go one at a time, in the order they were
 * given: a pause that must be tried again can then never overtake the resume that follows it.
 * A command keeps its id for every try, and the server carries out an id once.
 */
import { backoff } from '../net/backoff.js';
import { randomId } from './commands.js';

/** More than a person does on purpose while offline. */
const LIMIT = 20;

/** The server's own limit; it would close the connection over a larger message. */
const MESSAGE_BYTES = 64 * 1024;

/** A server gives up on a command after 5 s and says so; silence beyond this means the answer was lost. */
const ANSWER_MS = 10_000;

/** The server knows an id for 5 minutes. A command sent longer ago could happen a second time. */
const RESEND_MS = 240_000;

const TRIES = 5;
const RETRY = { baseMs: 1_000, capMs: 8_000 };

export class Outbox {
  #options;
  #platform;
  #entries = [];
  #online = false;
  #timer = null;
  #sent = false;

  /**
   * `send(message)` says whether it went out; `onUnanswered()` may take the link down;
   * `onFailed(message, {code, message})` is the end of a command.
   */
  constructor(options, platform = browser()) {
    this.#options = options;
    this.#platform = platform;
  }

  /** `{id, type, payload}` of every command without an answer, oldest first. */
  get pending() {
    return this.#entries.map((entry) => entry.message);
  }

  /** Says whether the command was taken. */
  submit({ type, payload }) {
    const message = { type, id: randomId(), payload };
    const code = this.#refusal(message);
    if (code) {
      this.#options.onFailed(message, { code });
      return false;
    }
    this.#entries.push({ message, tries: 0, firstSentAt: null });
    this.#pump();
    this.#options.onChange();
    return true;
  }

  setOnline(online) {
    this.#online = online;
    this.#rest();
    this.#pump();
  }

  /** The answer to the command under way; what answers anything else is a repeat and says nothing. */
  settle({ type, id, payload }) {
    const head = this.#entries[0];
    if (!head || head.message.id !== id) return;
    if (type === 'ack') this.#finish();
    else if (payload.retry) this.#again(head, payload);
    else this.failFirst(payload);
  }

  /** Ends the command under way, if there is one. */
  failFirst(fault) {
    if (!this.#sent) return;
    this.#fail(fault);
  }

  #refusal(message) {
    if (this.#entries.length >= LIMIT) return 'queue_full';
    const bytes = new TextEncoder().encode(JSON.stringify(message)).length;
    return bytes > MESSAGE_BYTES ? 'too_large' : null;
  }

  #pump() {
    const head = this.#entries[0];
    if (!head || !this.#online || this.#timer) return;
    const now = this.#platform.now();
    if (head.firstSentAt !== null && now - head.firstSentAt > RESEND_MS) {
      return this.#fail({ code: 'outcome_unknown' });
    }
    if (!this.#options.send(head.message)) return;
    head.firstSentAt ??= now;
    this.#sent = true;
    this.#timer = this.#platform.setTimeout(() => this.#unanswered(head), ANSWER_MS);
  }

  #unanswered(head) {
    this.#options.onUnanswered();
    if (this.#online) this.#again(head, { code: 'no_answer' });
  }

  #again(head, fault) {
    this.#rest();
    head.tries += 1;
    if (head.tries >= TRIES) return this.#fail(fault);
    const delay = backoff(head.tries, RETRY, this.#platform.random);
    this.#timer = this.#platform.setTimeout(() => {
      this.#rest();
      this.#pump();
    }, delay);
  }

  #fail(fault) {
    const { message } = this.#entries[0];
    this.#finish();
    this.#options.onFailed(message, fault);
  }

  #finish() {
    this.#rest();
    this.#entries.shift();
    this.#pump();
    this.#options.onChange();
  }

  #rest() {
    this.#platform.clearTimeout(this.#timer);
    this.#timer = null;
    this.#sent = false;
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
