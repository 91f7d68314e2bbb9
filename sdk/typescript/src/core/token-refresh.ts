/** Presents a fresh token on an open connection before the current one expires, so that the connection stays open. */
import { backoff, type BackoffBounds } from './backoff.js';
import type { Message } from './link.js';
import type { Platform, Timer } from './platform.js';

/** Returns a valid token. `rejected` is the last one if the server did not accept it: then a cached one is of no use. */
export type TokenProvider = (request: { readonly rejected?: string }) => string | Promise<string>;

/** A fresh token is presented this long before the expiry, or half the remaining time before if that is less. */
const LEAD_MS = 60_000;

const RETRY: BackoffBounds = { baseMs: 2_000, capMs: 30_000 };

/**
 * The pauses between tokens that seem to expire at once: a provider can return the same token again, and an estimate of the
 * server's time can be wrong by hours before it is measured.
 */
const PAUSE: BackoffBounds = { baseMs: 250, capMs: 60_000 };

/** The code, in lower case, of a server that cannot verify a token at present: that token is as good as before. */
const UNAVAILABLE = 'unavailable';

/** Environments fire a timer with a longer delay at once. */
const TIMER_MAX_MS = 2_147_483_647;

interface TokenRefreshOptions {
  readonly provider: TokenProvider;
  readonly platform: Platform;
  /** Sends a message to the server; returns false if that is not possible. */
  send(message: Message): boolean;
  /** Returns the estimated time of the server, which decides when a token expires. */
  serverNow(): number;
  /** Called when the provider fails. */
  onError(error: unknown): void;
}

/** The tokens of one connection. */
export class TokenRefresh {
  readonly #options: TokenRefreshOptions;
  #token: string | undefined;
  #rejected: string | undefined;
  #requestId: string | null = null;
  #failures = 0;
  /** How many tokens in a row seemed to expire at once. */
  #hasty = 0;
  #timer: Timer = null;
  #online = false;
  /** When the timer's token expires, or undefined if the timer has another reason. */
  #expiresAt: number | undefined;

  constructor(options: TokenRefreshOptions) {
    this.#options = options;
  }

  /** Returns the token of a new link. */
  async tokenForDial(): Promise<string> {
    return (this.#token = await this.#fetch());
  }

  /** Notes that the server did not accept the last token. */
  reject(): void {
    this.#rejected = this.#token;
  }

  /** Processes the handshake of a link that presented the last token. */
  handleOnline(): void {
    this.#online = true;
    this.#rejected = undefined;
    this.#failures = this.#hasty = 0;
    this.#schedule(expiryOf(this.#token));
  }

  /** Processes a new measurement of the server's time: until then, a token may seem to expire hours too early or too late. */
  handleTime(): void {
    if (this.#expiresAt !== undefined) this.#schedule(this.#expiresAt);
  }

  handleOffline(): void {
    this.#online = false;
    this.#requestId = null;
    this.#expiresAt = undefined;
    this.#options.platform.clearTimeout(this.#timer);
  }

  /** Processes a message if it answers a presented token; returns whether it does. */
  receive(message: Message): boolean {
    const { type, id, payload } = message;
    if (id === undefined || id !== this.#requestId) return false;
    this.#requestId = null;
    const { expiresAt, error } = (payload ?? {}) as { expiresAt?: unknown; error?: unknown };
    // The acknowledgements of Socket.IO have no type of their own.
    if (type !== 'error' && error === undefined) {
      this.#rejected = undefined;
      this.#failures = 0;
      this.#schedule(typeof expiresAt === 'number' ? expiresAt : undefined);
    } else {
      // The systems put the code into the acknowledgement, the payload, or the message.
      const { code } = (error ?? payload ?? message) as { code?: unknown };
      if (String(code).toLowerCase() !== UNAVAILABLE) this.reject();
      this.#retry();
    }
    return true;
  }

  #fetch(): string | Promise<string> {
    return this.#options.provider(this.#rejected === undefined ? {} : { rejected: this.#rejected });
  }

  #schedule(expiresAt: number | undefined) {
    const { platform, serverNow } = this.#options;
    platform.clearTimeout(this.#timer);
    this.#expiresAt = expiresAt;
    if (expiresAt === undefined) return;
    const remainingMs = Math.max(0, expiresAt - serverNow());
    const dueMs = remainingMs - Math.min(LEAD_MS, remainingMs / 2);
    this.#hasty = dueMs < PAUSE.baseMs ? this.#hasty + 1 : 0;
    const delay = this.#hasty === 0 ? dueMs : backoff(this.#hasty - 1, PAUSE, () => 1);
    if (delay > TIMER_MAX_MS) this.#timer = platform.setTimeout(() => this.#schedule(expiresAt), TIMER_MAX_MS);
    else this.#timer = platform.setTimeout(() => void this.#refresh(), delay);
  }

  async #refresh() {
    const { platform, send, onError } = this.#options;
    this.#expiresAt = undefined;
    let token: string;
    try {
      token = await this.#fetch();
    } catch (error) {
      onError(error);
      return this.#retry();
    }
    // Without a connection the next dial asks for a token.
    if (!this.#online) return;
    this.#token = token;
    this.#requestId = platform.randomId();
    send({ type: 'auth', id: this.#requestId, payload: { token } });
  }

  #retry() {
    if (!this.#online) return;
    const { platform } = this.#options;
    const delay = RETRY.baseMs + backoff(this.#failures++, RETRY, () => platform.random());
    this.#timer = platform.setTimeout(() => void this.#refresh(), delay);
  }
}

/** Returns when a JSON Web Token expires, in ms since 1970, or undefined for other tokens. Nothing is verified. */
export function expiryOf(token: string | undefined): number | undefined {
  try {
    const claims = token!.split('.')[1]!.replaceAll('-', '+').replaceAll('_', '/');
    const { exp } = JSON.parse(atob(claims));
    return typeof exp === 'number' ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}
