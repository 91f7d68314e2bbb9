/** What a client presents when it connects, whichever kind of credential it has. */
import { CLOSE } from './close-policy.js';
import type { Credential } from './endpoint.js';
import type { ClientError } from './errors.js';
import type { Dial, Message } from './link.js';
import type { Platform } from './platform.js';
import type { Listeners } from './store.js';
import { TokenRefresh } from './token-refresh.js';

interface CredentialsOptions {
  readonly credential: Credential | undefined;
  readonly platform: Platform;
  send(message: Message): boolean;
  serverNow(): number;
  /** Told of a provider that fails. */
  readonly errors: Listeners<ClientError>;
}

/** The credential of one connection. */
export class Credentials {
  readonly #credential: Credential | undefined;
  readonly #refresh: TokenRefresh | null;
  readonly #onError: (error: unknown) => void;

  constructor({ credential, errors, ...options }: CredentialsOptions) {
    this.#credential = credential;
    this.#onError = (cause) => errors.notify({ kind: 'token', message: String(cause), cause });
    const token = credential && 'token' in credential ? credential.token : undefined;
    this.#refresh = typeof token === 'function' ? new TokenRefresh({ provider: token, onError: this.#onError, ...options }) : null;
  }

  /** Whether a refused connection can present another credential. */
  get isRenewable(): boolean {
    return this.#refresh !== null;
  }

  /** Returns the user id, or the token for a new link; neither for a guest. */
  async present(): Promise<{ userId?: string; token?: string }> {
    if (this.#refresh) return { token: await this.#refresh.tokenForDial() };
    return { ...this.#credential } as { userId?: string; token?: string };
  }

  /** Returns a dial that notes when the server refuses what was presented, and reports a provider that fails. */
  observe(dial: Dial): Dial {
    return (events) =>
      dial({
        ...events,
        onClosed: (closed) => {
          if (closed.code === CLOSE.unauthorized) this.#refresh?.reject();
          if (closed.tokenError !== undefined) this.#onError(closed.tokenError);
          events.onClosed(closed);
        },
      });
  }

  handleOnline(): void {
    this.#refresh?.handleOnline();
  }

  handleOffline(): void {
    this.#refresh?.handleOffline();
  }

  /** Processes a new measurement of the server's time. */
  handleTime(): void {
    this.#refresh?.handleTime();
  }

  /** Processes a message if it answers a fresh token; returns whether it does. */
  receive(message: Message): boolean {
    return this.#refresh?.receive(message) ?? false;
  }
}
