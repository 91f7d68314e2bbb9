/** The client of one user's live sessions: the connection, the model and the outbox of commands. */
import { Connection } from '../net/connection.js';
import { reconnectOnHints } from '../net/reconnect-hints.js';
import { TickWatchdog } from '../net/tick-watchdog.js';
import { diffSessions } from './diff.js';
import { INITIAL_MODEL, newestRunning, reduce } from './model.js';
import { Outbox } from './outbox.js';

const CHECK_INTERVAL_MS = 1_000;
const TOO_LARGE = 4413;

export class ClockitClient {
  #connection;
  #outbox;
  #watchdog = new TickWatchdog();
  #receivedSinceSend = true;
  #options;

  model = INITIAL_MODEL;
  /** Ticks are due and do not arrive: the displayed values may be old although the connection seems open. */
  stale = false;

  /**
   * Callbacks: `onChange()` after any displayed value may differ, `onSessionChanges(changes)`, `onError(message, error)`.
   * `connect(options)` makes the connection.
   */
  constructor({ connect = (options) => new Connection(options), ...options }) {
    this.#options = options;
    this.#outbox = new Outbox({
      send: (message) => this.#send(message),
      onTimeout: () => this.#receivedSinceSend || this.#connection.abort(),
      onChange: options.onChange,
      onError: options.onError,
    });
    this.#connection = connect({
      url: `${options.url}&${new URLSearchParams({ client: this.#outbox.clientId })}`,
      isHandshake: (message) => message.type === 'ready',
      onMessage: (message) => this.#receive(message),
      onStateChange: (state) => this.#handleConnectionState(state),
    });
  }

  get connectionState() {
    return this.#connection.state;
  }

  get pending() {
    return this.#outbox.pending;
  }

  /** Whether the displayed values are current. */
  get fresh() {
    return this.connectionState.phase === 'online' && !this.stale;
  }

  open() {
    this.#connection.open();
    reconnectOnHints(this.#connection);
    setInterval(() => this.#checkTicks(), CHECK_INTERVAL_MS);
  }

  retryNow() {
    this.#connection.retryNow();
  }

  submit(command) {
    return this.#outbox.submit(command);
  }

  #send(message) {
    this.#receivedSinceSend = false;
    return this.#connection.send(message);
  }

  #receive(message) {
    this.#receivedSinceSend = true;
    if (message.type === 'ack') return this.#outbox.settle(message);
    if (message.type === 'error') return this.#handleError(message);
    const before = this.model;
    this.model = reduce(before, message);
    if (message.type === 'ready') this.#outbox.setOnline(true);
    if (message.type === 'tick') this.#watchdog.reset();
    const changes = message.type === 'tick' ? [] : diffSessions(before, this.model);
    if (changes.length > 0) this.#options.onSessionChanges(changes);
    this.#options.onChange();
  }

  #handleError(message) {
    if (message.id === undefined) this.#options.onError(null, message.payload);
    else this.#outbox.settle(message);
  }

  #handleConnectionState(state) {
    this.#watchdog.reset();
    this.stale = false;
    if (state.code === TOO_LARGE) this.#outbox.failCurrent({ code: 'too_large' });
    if (state.phase !== 'online') this.#outbox.setOnline(false);
    this.#options.onChange();
  }

  #checkTicks() {
    const expectsTicks = this.connectionState.phase === 'online' && newestRunning(this.model) !== undefined;
    const status = this.#watchdog.check(expectsTicks);
    const stale = status !== 'ok';
    if (status === 'dead') this.#connection.abort();
    else if (stale !== this.stale) {
      this.stale = stale;
      this.#options.onChange();
    }
  }
}
