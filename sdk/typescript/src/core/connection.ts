/**
 * A connection that reconnects by itself, and that moves to another node before its node closes it. It does not
 * interpret messages, except for `going-away`; its options tell which message completes a handshake.
 */
import { backoff, type BackoffBounds } from './backoff.js';
import { CLOSE, reconnectPolicy } from './close-policy.js';
import type { DisconnectedError, RefusedError, TokenError } from './errors.js';
import type { Closed, Dial, Link, Message } from './link.js';
import type { Platform, Timer } from './platform.js';

const RECONNECT: BackoffBounds = { baseMs: 1_000, capMs: 15_000 };

/** The next dial of a handover: soon, because the node that was reached can be the one that stops. */
const REDIAL: BackoffBounds = { baseMs: 150, capMs: 1_000 };

/** A link without a handshake by then is closed; a browser alone waits for minutes. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** Only a connection that lasted this long resets the backoff; one that the server drops at once does not. */
const STABLE_MS = 20_000;

/** Longer announcements than this are cut: a node does not drain for so long. */
const GOING_AWAY_MAX_MS = 300_000;

/** The share of the announced time over which clients spread their next dials: nodes spread the announcements too. */
const HANDOVER_SPREAD = 0.25;

/** The old link stays open for this long after a handover at most, if ticks are due and the new one delivers none. */
export const OVERLAP_MS = 2_500;

/** The state of a connection. `retryAt` is a local time in milliseconds. */
export type ConnectionState =
  | { readonly phase: 'closed' }
  | { readonly phase: 'connecting' }
  | { readonly phase: 'online' }
  | { readonly phase: 'offline'; readonly retryAt: number; readonly error: DisconnectedError | TokenError }
  | { readonly phase: 'refused'; readonly error: RefusedError };

/** What a system tells its connection. */
export interface ConnectionOptions {
  readonly dial: Dial;
  readonly platform: Platform;
  /** Whether this message completes the handshake of its link. It has to contain the first snapshot. */
  isHandshake(message: Message): boolean;
  /** Whether this message is a tick, which shows that a link is in step. */
  isTick(message: Message): boolean;
  /** Whether this message counts although it arrives on the old link after a handover. */
  countsAfterHandover(message: Message): boolean;
  /** How long the old link of a handover stays at most; it ends sooner when the new one delivers a tick. */
  overlapMs(): number;
  /** Whether the next dial can present another credential after 4401. */
  readonly canRenewCredential: boolean;
  /** `isHandover` is true for the handshake of a link that continues a connection without interruption. */
  onMessage(message: Message, isHandover: boolean): void;
  /** Called when the message that completes a handshake has been processed. */
  onOnline(isHandover: boolean): void;
  onStateChange(state: ConnectionState): void;
}

interface Attempt {
  link: Link;
  handshakeTimer: Timer;
  /** An announcement that arrived before the handshake was complete. */
  goingAway: Message | null;
}

/** See the module. At most one dial is in progress at a time. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #platform: Platform;
  #state: ConnectionState = { phase: 'closed' };
  /** The link that has completed its handshake. */
  #current: Link | null = null;
  /** The dial in progress: of the first link, or of the next one. */
  #next: Attempt | null = null;
  /** The link that `#current` has replaced, until ticks arrive on `#current`. */
  #old: Link | null = null;
  #oldTimer: Timer = null;
  #retryTimer: Timer = null;
  /** The announced end of the current link. */
  #handover: { endsAt: number; dials: number } | null = null;
  #failures = 0;
  #refusals = 0;
  #onlineAt: number | null = null;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#platform = options.platform;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Connects, if the connection is closed, refused, or waits for its next attempt. */
  open(): void {
    if (this.#current || this.#next) return;
    this.#dial();
    this.#setState({ phase: 'connecting' });
  }

  /** Ends the connection, until it is opened again. */
  close(): void {
    if (this.#state.phase === 'closed') return;
    this.#drop();
    this.#setState({ phase: 'closed' });
  }

  /** Sends a message on the current link. Returns false if there is none; true does not mean that it arrives. */
  send(message: Message): boolean {
    return this.#current?.send(message) ?? false;
  }

  /** Ends the current link without waiting for its close, because it seems dead. */
  abort(closed: Closed = { code: CLOSE.lost, reason: '' }): void {
    if (!this.#current) return;
    this.#current.close();
    this.#handleLoss(closed);
  }

  #dial() {
    this.#platform.clearTimeout(this.#retryTimer);
    const { dial } = this.#options;
    const attempt: Attempt = { link: null as unknown as Link, handshakeTimer: null, goingAway: null };
    const isNext = () => this.#next === attempt;
    this.#next = attempt;
    attempt.handshakeTimer = this.#platform.setTimeout(() => {
      attempt.link.close();
      this.#handleFailure({ code: CLOSE.lost, reason: 'no handshake' });
    }, HANDSHAKE_TIMEOUT_MS);
    attempt.link = dial({
      onMessage: (message) => (isNext() ? this.#receiveEarly(attempt, message) : this.#receive(attempt.link, message)),
      onClosed: (closed) => {
        if (isNext()) this.#handleFailure(closed);
        else if (this.#current === attempt.link) this.#handleLoss(closed);
        else if (this.#old === attempt.link) this.#dropOld();
      },
    });
  }

  /** Processes a message before the handshake is complete. */
  #receiveEarly(attempt: Attempt, message: Message) {
    if (this.#options.isHandshake(message)) this.#complete(attempt, message);
    else if (message.type === 'going-away') attempt.goingAway = message;
    else if (message.type === 'error' && !this.#current) this.#options.onMessage(message, false);
  }

  #complete(attempt: Attempt, message: Message) {
    this.#platform.clearTimeout(attempt.handshakeTimer);
    const isHandover = this.#current !== null;
    if (isHandover) this.#keepOld(this.#current);
    else this.#onlineAt = this.#platform.now();
    this.#next = this.#handover = null;
    this.#refusals = 0;
    this.#current = attempt.link;
    const isCurrent = () => this.#current === attempt.link;
    if (!isHandover) this.#setState({ phase: 'online' });
    // A listener of the application can close the connection in each of these calls.
    if (isCurrent()) this.#options.onMessage(message, isHandover);
    if (isCurrent()) this.#options.onOnline(isHandover);
    if (!isCurrent()) return;
    this.#limitOverlap();
    if (attempt.goingAway) this.#startHandover(attempt.goingAway);
  }

  #receive(link: Link, message: Message) {
    if (link === this.#old) {
      if (this.#options.countsAfterHandover(message)) this.#options.onMessage(message, false);
    } else if (link === this.#current) {
      if (message.type === 'going-away') return this.#startHandover(message);
      this.#options.onMessage(message, false);
      if (this.#options.isTick(message)) this.#dropOld();
    }
  }

  /** Clients that get this message at one time dial at different ones. */
  #startHandover({ payload }: Message) {
    const withinMs = (payload as { withinMs?: unknown } | undefined)?.withinMs;
    // Without a valid time, the advice of the close that follows counts.
    if (this.#handover || this.#next || typeof withinMs !== 'number' || !(withinMs >= 0)) return;
    const ms = Math.min(withinMs, GOING_AWAY_MAX_MS);
    this.#handover = { endsAt: this.#platform.now() + ms, dials: 0 };
    this.#retryTimer = this.#platform.setTimeout(() => this.#dial(), ms * HANDOVER_SPREAD * this.#platform.random());
  }

  /** The dial in progress has failed. */
  #handleFailure(closed: Closed) {
    this.#platform.clearTimeout(this.#next?.handshakeTimer);
    this.#next = null;
    if (!this.#current) return this.#retry(closed);
    const isRefused = reconnectPolicy(closed.code, closed.reason).kind === 'refused';
    const handover = this.#handover;
    // A refusal is repeated and reported when the current link has ended.
    if (!handover || (isRefused && !this.#options.canRenewCredential)) return;
    const bounds = this.#platform.now() < handover.endsAt ? REDIAL : RECONNECT;
    const delay = backoff(handover.dials++, bounds, () => this.#platform.random());
    this.#retryTimer = this.#platform.setTimeout(() => this.#dial(), delay);
  }

  /** The current link has ended. */
  #handleLoss(closed: Closed) {
    const lastedMs = this.#platform.now() - (this.#onlineAt ?? 0);
    if (lastedMs >= STABLE_MS) this.#failures = 0;
    this.#current = null;
    this.#handover = null;
    this.#dropOld();
    if (this.#next) this.#setState({ phase: 'connecting' });
    else this.#retry(closed);
  }

  #retry({ code, reason, tokenError }: Closed) {
    this.#platform.clearTimeout(this.#retryTimer);
    const policy = reconnectPolicy(code, reason);
    if (policy.kind === 'refused' && !(this.#options.canRenewCredential && policy.reason === 'unauthorized' && this.#refusals++ === 0)) {
      this.#refusals = 0;
      return this.#setState({ phase: 'refused', error: { kind: 'refused', reason: policy.reason, code, message: reason } });
    }
    if (policy.kind === 'backoff') this.#failures += policy.steps;
    const delay =
      policy.kind === 'after' ? policy.ms : backoff(this.#failures, RECONNECT, () => this.#platform.random());
    this.#failures += 1;
    this.#retryTimer = this.#platform.setTimeout(() => this.open(), delay);
    const error: DisconnectedError | TokenError =
      tokenError === undefined
        ? { kind: 'disconnected', code, message: reason }
        : { kind: 'token', message: String(tokenError), cause: tokenError };
    this.#setState({ phase: 'offline', retryAt: this.#platform.now() + delay, error });
  }

  #keepOld(link: Link | null) {
    this.#dropOld();
    this.#old = link;
  }

  /** Runs after the handshake, which can tell whether ticks are due. */
  #limitOverlap() {
    const ms = this.#old ? this.#options.overlapMs() : 0;
    if (ms === 0) this.#dropOld();
    else this.#oldTimer = this.#platform.setTimeout(() => this.#dropOld(), ms);
  }

  #dropOld() {
    this.#platform.clearTimeout(this.#oldTimer);
    this.#old?.close();
    this.#old = null;
  }

  #drop() {
    this.#platform.clearTimeout(this.#retryTimer);
    this.#platform.clearTimeout(this.#next?.handshakeTimer);
    this.#dropOld();
    this.#next?.link.close();
    this.#current?.close();
    this.#next = this.#current = this.#handover = null;
    this.#failures = this.#refusals = 0;
  }

  #setState(state: ConnectionState) {
    this.#state = state;
    this.#options.onStateChange(state);
  }
}
