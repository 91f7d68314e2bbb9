/**
 * The socket's part of a session: it starts the session on each link, so that the server counts its seconds, and reports
 * what the person does.
 */
import { backoff, type BackoffBounds } from '../core/backoff.js';
import { CLOSE } from '../core/close-policy.js';
import type { Dial, Link, LinkEvents, Message } from '../core/link.js';
import type { Platform, Timer } from '../core/platform.js';
import { parseFocusMessage, type FocusMessage } from './protocol.js';

/** The server waits up to 20 s for the end of a node that may be dead, and 5 s for its store. */
const START_TIMEOUT_MS = 30_000;

const RETRY: BackoffBounds = { baseMs: 1_000, capMs: 8_000 };

/** Activity is reported this often at most: the idle time of 15 s begins up to a second too early. */
const REPORT_INTERVAL_MS = 1_000;

const TAB_SWITCH_ID = 'tab-switch';

/** Why a session was not started. */
export interface StartRefusal {
  readonly sessionId: string;
  readonly code: string;
  readonly message: string;
}

interface TrackingOptions {
  readonly platform: Platform;
  /** Sends a message on the current link; returns false if there is none. */
  send(message: Message): boolean;
  /** The session whose seconds shall be counted now, or null. */
  wanted(): string | null;
  /** `isReturn` tells whether the session was the last one that was started. */
  onStarted(isReturn: boolean): void;
  onRefused(refusal: StartRefusal): void;
  /** The server does not answer. */
  onTimeout(): void;
}

interface StartRequest {
  readonly id: string;
  readonly sessionId: string;
}

/** See the module. */
export class Tracking {
  readonly #options: TrackingOptions;
  readonly #platform: Platform;
  /** The session that the current link has started. */
  #startedId: string | null = null;
  /** The session that the last link has started; it stays when the link is lost. */
  #lastStartedId: string | null = null;
  #request: StartRequest | null = null;
  #refusedId: string | null = null;
  #attempts = 0;
  #timer: Timer = null;
  #lastReportAt = -Infinity;

  constructor(options: TrackingOptions) {
    this.#options = options;
    this.#platform = options.platform;
  }

  /** The session that the server counts for this client, or null. */
  get startedId(): string | null {
    return this.#startedId;
  }

  /** The session that the server counts, or has counted until the link was lost. */
  get lastStartedId(): string | null {
    return this.#lastStartedId;
  }

  /** The local time of the last activity that the server knows of. */
  get lastReportAt(): number {
    return this.#lastReportAt;
  }

  /** Starts the session that is wanted, unless the link has started it. A session that was refused is started again if `isUrged`. */
  ensure({ isUrged = false } = {}): void {
    const sessionId = this.#options.wanted();
    if (isUrged) this.#refusedId = null;
    if (sessionId === null || sessionId === this.#startedId || sessionId === this.#request?.sessionId || sessionId === this.#refusedId) return;
    const id = this.#platform.randomId();
    if (!this.#options.send({ type: 'start', id, sessionId })) return;
    this.#request = { id, sessionId };
    this.#wait(START_TIMEOUT_MS, () => {
      this.#request = null;
      this.#options.onTimeout();
    });
  }

  /** Reports activity, unless it was reported just now. Without a session it has no effect. */
  reportActivity(): void {
    if (this.#startedId === null || this.#startedId !== this.#options.wanted()) return;
    const sinceMs = this.#platform.now() - this.#lastReportAt;
    // A clock that was set back must not silence the reports.
    if (sinceMs >= 0 && sinceMs < REPORT_INTERVAL_MS) return;
    if (this.#options.send({ type: 'activity' })) this.#lastReportAt = this.#platform.now();
  }

  /** Reports that the person has left the page. It is not repeated if the connection is lost: it would count twice. */
  reportTabSwitch(): void {
    if (this.#startedId !== null && this.#startedId === this.#options.wanted()) this.#options.send({ type: 'tabSwitch', id: TAB_SWITCH_ID });
  }

  /** Processes a message if it is about the start of a session or a report; returns whether it is. */
  receive(message: FocusMessage): boolean {
    if (message.type === 'started') return this.#receiveStarted(message.id, message.sessionId);
    // The session was paused or ended at the same time.
    if (message.type === 'error' && message.id === TAB_SWITCH_ID) return !message.retry;
    if (message.type !== 'error' || message.id === undefined || message.id !== this.#request?.id) return false;
    const { sessionId } = this.#request;
    this.#request = null;
    if (message.retry) this.#wait(backoff(this.#attempts++, RETRY, () => this.#platform.random()), () => this.ensure());
    else {
      this.#clear();
      this.#refusedId = sessionId;
      this.#options.onRefused({ sessionId, code: message.code, message: message.message });
    }
    return true;
  }

  /** Processes the first message of a link, on which a session may have been started already. */
  handleOnline(sessionId: unknown): void {
    this.#clear();
    this.#refusedId = null;
    if (typeof sessionId === 'string') this.#handleStarted(sessionId);
    else this.#startedId = null;
  }

  handleOffline(): void {
    this.#clear();
    this.#startedId = null;
  }

  /** The server does not count the session any more. */
  handleStopped(sessionId: string): void {
    if (this.#startedId === sessionId) this.#startedId = null;
    if (this.#lastStartedId === sessionId) this.#lastStartedId = null;
  }

  /** Returns a dial whose links start the session that the current link tracks, before they replace that link. */
  continuing(dial: Dial): Dial {
    return (events) => this.#dialContinuing(dial, events);
  }

  #dialContinuing(dial: Dial, events: LinkEvents): Link {
    let request: StartRequest | null = null;
    const link = dial({
      ...events,
      onMessage: (raw) => {
        const message = parseFocusMessage(raw);
        // A start would resume a session that is paused.
        if (message?.type === 'connected' && this.#startedId !== null && this.#startedId === this.#options.wanted()) {
          request = { id: this.#platform.randomId(), sessionId: this.#startedId };
          link.send({ type: 'start', ...request });
        } else if (request && message?.type === 'started' && message.id === request.id) {
          const { sessionId } = request;
          request = null;
          events.onMessage({ type: 'connected', sessionId });
        } else if (request && message?.type === 'error' && message.id === request.id) {
          request = null;
          if (!message.retry) return events.onMessage({ type: 'connected' });
          link.close();
          events.onClosed({ code: CLOSE.lost, reason: message.code });
        } else {
          events.onMessage(raw);
        }
      },
    });
    return link;
  }

  #receiveStarted(id: unknown, sessionId: string): boolean {
    if (id !== this.#request?.id) return true;
    this.#clear();
    const isReturn = sessionId === this.#lastStartedId;
    this.#handleStarted(sessionId);
    this.#options.onStarted(isReturn);
    return true;
  }

  #handleStarted(sessionId: string) {
    this.#startedId = this.#lastStartedId = sessionId;
    this.#lastReportAt = this.#platform.now();
  }

  #wait(ms: number, run: () => void) {
    this.#platform.clearTimeout(this.#timer);
    this.#timer = this.#platform.setTimeout(run, ms);
  }

  #clear() {
    this.#platform.clearTimeout(this.#timer);
    this.#request = null;
    this.#attempts = 0;
  }
}
