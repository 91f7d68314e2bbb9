/**
 * What the clients of all systems have in common: a connection that is checked once a second, credentials, the server's
 * time, errors, and a snapshot that applications subscribe to. A system adds its messages and its model.
 */
import { Connection, OVERLAP_MS, type ConnectionState } from './connection.js';
import { Credentials } from './credentials.js';
import type { Credential } from './endpoint.js';
import type { ClientError } from './errors.js';
import { Interval } from './interval.js';
import type { Dial, Message } from './link.js';
import { LinkMonitor, type LinkCondition } from './link-monitor.js';
import { defaultPlatform, type Platform } from './platform.js';
import { ServerClock } from './server-clock.js';
import { Listeners, StateStore, type Store } from './store.js';

const CHECK_INTERVAL_MS = 1_000;

/**
 * A page that returns after a longer silence was suspended: its values are not live before the server confirms them. Ticks
 * come every second, and an idle link is asked for an answer every half minute.
 */
const SILENCE_MAX_MS = { ticking: 4_000, idle: 45_000 };

/** A client that is not checked for longer was suspended: browsers run the timers of a hidden page once a minute. */
const SUSPENSION_MS = 90_000;

/** The options that the clients of all systems have. */
export interface ClientOptions {
  /** The server's URL, such as `https://timers.example.com`, with a path prefix if there is one. */
  readonly url: string | URL;
  readonly credential?: Credential;
  readonly platform?: Partial<Platform>;
}

/** See the module. Nothing happens before `open`, and no abstract member is used before it. */
export abstract class LiveClient<Snapshot extends object> implements Store<Snapshot> {
  protected readonly platform: Platform;
  protected readonly clock: ServerClock;
  protected readonly credentials: Credentials;
  protected readonly connection: Connection;
  protected readonly errors = new Listeners<ClientError>();
  readonly #monitor = new LinkMonitor();
  readonly #checking: Interval;
  #created: StateStore<Snapshot> | null = null;
  #isStale = false;
  #receivedAt = -Infinity;
  #checkedAt = -Infinity;
  /** Whether the page has returned from a suspension, and nothing has confirmed its values since. */
  #isUnconfirmed = false;
  #stopListening = () => {};

  constructor({ credential, platform }: ClientOptions) {
    this.platform = { ...defaultPlatform, ...platform };
    this.clock = new ServerClock(() => this.requestTime(), () => this.platform.now());
    this.#checking = new Interval(this.platform, CHECK_INTERVAL_MS, () => this.#check());
    this.credentials = new Credentials({
      credential,
      platform: this.platform,
      send: (message) => this.connection.send(message),
      serverNow: () => this.clock.now(),
      errors: this.errors,
    });
    this.connection = new Connection({
      platform: this.platform,
      dial: this.credentials.observe((events) => this.dial(events)),
      isHandshake: (message) => this.isHandshake(message),
      isTick: (message) => this.isTick(message),
      countsAfterHandover: (message) => this.countsAfterHandover(message),
      overlapMs: () => this.overlapMs(),
      canRenewCredential: this.credentials.isRenewable,
      onMessage: (message, isHandover) => this.#receive(message, isHandover),
      onOnline: (isHandover) => this.#handleOnline(isHandover),
      onStateChange: (state) => this.#handleState(state),
    });
  }

  /** Returns what the client knows; the same object until that changes. */
  readonly getSnapshot = (): Snapshot => this.#store.getSnapshot();

  /** Calls `listener` after each change, each displayed second included; returns a function that ends it. */
  readonly subscribe = (listener: () => void): (() => void) => this.#store.subscribe(listener);

  /** Calls `listener` for errors of commands, of the token provider, and of the server that belong to no command. */
  onError(listener: (error: ClientError) => void): () => void {
    return this.errors.add(listener);
  }

  /** Connects. */
  open(): void {
    this.#stopListening();
    const stops = [this.platform.onWake(() => this.#wake()), this.platform.onHide(() => this.handleHide())];
    this.#stopListening = () => stops.forEach((stop) => stop());
    this.connection.open();
    this.#checkedAt = this.platform.now();
    this.#checking.start();
  }

  /** Disconnects, until the client is opened again. */
  close(): void {
    this.#stopListening();
    this.#checking.stop();
    this.connection.close();
  }

  /** Connects at once instead of at the next attempt, also after a refusal. A closed client stays closed. */
  retryNow(): void {
    if (this.connection.state.phase !== 'closed') this.connection.open();
  }

  /** Returns the estimated time of the server, in milliseconds since 1970. */
  serverNow(): number {
    return this.clock.now();
  }

  /** Opens a link of the system. */
  protected abstract readonly dial: Dial;

  /** Asks the server for its time. It rejects if there is no answer. */
  protected abstract requestTime(): Promise<number>;

  /** Whether a message completes the handshake of its link. */
  protected abstract isHandshake(message: Message): boolean;

  /** Processes a message of the server. */
  protected abstract receive(message: Message, isHandover: boolean): void;

  /** Whether the server sends ticks at present. */
  protected abstract expectsTicks(): boolean;

  /** Returns the snapshot. Fields that did not change have to be the same objects. */
  protected abstract describe(): Snapshot;

  protected isTick({ type }: Message): boolean {
    return type === 'tick';
  }

  /** Whether a message counts although it arrives on the old link after a handover. */
  protected countsAfterHandover(message: Message): boolean {
    return this.isTick(message);
  }

  /** How long the old link of a handover stays at most; it ends sooner when the new one delivers a tick. */
  protected overlapMs(): number {
    return this.expectsTicks() ? OVERLAP_MS : 0;
  }

  /** Whether a link without messages is in order. Otherwise the client asks for an answer after some silence. */
  protected allowsSilence(): boolean {
    return false;
  }

  /** Returns the condition of the link, with what the system knows about it. */
  protected assess(condition: LinkCondition): LinkCondition {
    return condition;
  }

  /** Runs once a second while the client is open. */
  protected maintain(): void {}

  /** Runs once a second while the connection is online, after its check. */
  protected maintainOnline(): void {}

  /** Runs after the handshake of a link was received; `isHandover` means that the connection was not interrupted. */
  protected handleOnline(_isHandover: boolean): void {}

  /** Runs when the connection is not online, or not any more. */
  protected handleOffline(_state: ConnectionState): void {}

  /** Runs when the page is left or frozen. */
  protected handleHide(): void {}

  protected get isOnline(): boolean {
    return this.connection.state.phase === 'online';
  }

  /** Whether the server confirms the displayed values. */
  protected get isLive(): boolean {
    return this.isOnline && !this.#isStale && !this.#isUnconfirmed;
  }

  protected publish(): void {
    this.#store.set(this.describe());
  }

  /** Reports an error of the server that belongs to no command; one with the code `retryCode` passes by itself. */
  protected reportServerError({ payload }: Message, retryCode: string): void {
    const { code, message } = (payload ?? {}) as { code?: unknown; message?: unknown };
    this.errors.notify({ kind: 'server', code: String(code ?? 'unknown'), message: String(message ?? ''), retry: code === retryCode });
  }

  /** Measures the server's time if that is due. */
  protected syncClock(): void {
    void this.clock.sync().then((updated) => {
      if (!updated) return;
      this.credentials.handleTime();
      if (this.allowsSilence() && !this.expectsTicks()) this.#isUnconfirmed = false;
      this.publish();
    });
  }

  /** Exists when it is needed first, because a system completes its own fields after those of this class. */
  get #store(): StateStore<Snapshot> {
    return (this.#created ??= new StateStore(this.describe()));
  }

  #receive(message: Message, isHandover: boolean) {
    const isTick = this.isTick(message);
    this.#monitor.receive(isTick);
    this.#receivedAt = this.platform.now();
    if (isTick) this.#isStale = false;
    if (isTick || !this.expectsTicks()) this.#isUnconfirmed = false;
    if (!this.credentials.receive(message)) this.receive(message, isHandover);
  }

  #handleOnline(isHandover: boolean) {
    this.#monitor.reset();
    this.credentials.handleOnline();
    this.clock.invalidate();
    this.syncClock();
    this.handleOnline(isHandover);
  }

  #handleState(state: ConnectionState) {
    this.#monitor.reset();
    this.#isStale = this.#isUnconfirmed = false;
    if (state.phase !== 'online') {
      this.credentials.handleOffline();
      this.handleOffline(state);
    }
    this.publish();
  }

  #check() {
    this.maintain();
    const checkedAt = this.#checkedAt;
    this.#checkedAt = this.platform.now();
    if (!this.isOnline) return;
    // Only the checks tell that a silent client was suspended.
    if (this.allowsSilence() && this.#checkedAt - checkedAt > SUSPENSION_MS) {
      this.#isUnconfirmed = true;
      this.clock.invalidate();
    }
    if (this.allowsSilence()) this.#monitor.receive(false);
    const condition = this.assess(this.#monitor.check(this.expectsTicks()));
    if (condition === 'dead') return this.connection.abort();
    if (condition === 'probe') this.clock.invalidate();
    this.#isStale = condition === 'stale';
    this.syncClock();
    this.maintainOnline();
    this.publish();
  }

  /** Runs when the page becomes visible or the network returns: that suggests an attempt, and proves nothing. */
  #wake() {
    if (this.connection.state.phase === 'offline') this.connection.open();
    const silentMs = this.platform.now() - this.#receivedAt;
    const isTicking = this.expectsTicks();
    this.#isUnconfirmed ||= isTicking ? silentMs > SILENCE_MAX_MS.ticking : silentMs > SILENCE_MAX_MS.idle && !this.allowsSilence();
    this.#monitor.suspect();
    this.clock.invalidate();
    this.#check();
    this.publish();
  }
}
