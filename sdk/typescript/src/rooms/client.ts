/** The client of one member of one room: the connection, the membership, and the time. */
import { CLOSE } from '../core/close-policy.js';
import { Connection, type ConnectionState } from '../core/connection.js';
import { Credentials } from '../core/credentials.js';
import { httpUrl, type Credential } from '../core/endpoint.js';
import type { ClientError, CommandError, CommandErrorCode } from '../core/errors.js';
import { httpTime } from '../core/http-time.js';
import { Interval } from '../core/interval.js';
import type { Dial, Link, LinkEvents, Message } from '../core/link.js';
import { LinkMonitor } from '../core/link-monitor.js';
import type { KeyValueStorage } from '../core/outbox-storage.js';
import { defaultPlatform, type Platform, type Timer } from '../core/platform.js';
import { ServerClock } from '../core/server-clock.js';
import { socketIoDial, type SocketIo } from '../core/socket-io-link.js';
import { Listeners, StateStore, type Store } from '../core/store.js';
import { remainingMs, type CountdownCommand } from './countdown.js';
import { Membership, type RoomTarget } from './membership.js';
import type { RoomModel } from './model.js';
import { parseAnswer, parseRoomEvent, type Room, type RoomEvent, type RoomFault, type TimerState } from './protocol.js';
import { ResumeStorage } from './resume-storage.js';

const CHECK_INTERVAL_MS = 1_000;

/** While a request is pending, displayed values count as old after this silence. */
const STALE_AFTER_MS = 3_000;

/** While a request is pending, the connection is aborted after this silence; the server answers within 20 s. */
const RESPONSE_TIMEOUT_MS = 25_000;

/** Names the join of a link that is not the current one yet; requests have numbers. */
const HANDSHAKE_ID = 'handshake';

/** The options of a `RoomsClient`. */
export interface RoomsOptions {
  /** The server's URL, with a path prefix if there is one. */
  readonly url: string | URL;
  /** The function `io` of the package `socket.io-client`. */
  readonly io: SocketIo;
  readonly credential?: Credential;
  /** Keeps the membership of a tab over reloads: `sessionStorage`, because two tabs are two members. */
  readonly storage?: KeyValueStorage | null;
  /** The `fetch` of the environment by default. */
  readonly fetch?: typeof fetch;
  readonly platform?: Partial<Platform>;
}

/** What a client knows. It is immutable; another object replaces it after a change. */
export interface RoomsSnapshot {
  readonly connection: ConnectionState;
  readonly target: RoomTarget | null;
  /** The room, which stays known while the connection is lost; null before the first join. */
  readonly room: Room | null;
  /** The countdown of the room, with the commands applied that have no answer yet. */
  readonly timer: TimerState | null;
  /** The displayed remaining time, in whole seconds rounded up. */
  readonly remainingSeconds: number | null;
  /** When the countdown reached zero, until it starts again. */
  readonly completedAt: number | null;
  /** Whether the values are the server's, or continue by the local clock because nothing arrives. */
  readonly times: 'live' | 'continued';
  readonly canSendCommands: boolean;
  /** The error that ended the attempt to join. */
  readonly joinError: RoomFault | null;
  /** The error of the last attempt to join; without a `joinError`, the client tries again. */
  readonly lastJoinError: RoomFault | null;
}

/** How a command of a countdown ended. */
export type RoomCommandResult = { readonly ok: true } | { readonly ok: false; readonly error: CommandError };

/** An event of the server, and the model before it. */
export interface RoomEventNotice {
  readonly event: RoomEvent;
  readonly before: RoomModel;
}

/** See the module. Nothing happens before `open`. */
export class RoomsClient implements Store<RoomsSnapshot> {
  readonly #platform: Platform;
  readonly #connection: Connection;
  readonly #credentials: Credentials;
  readonly #clock: ServerClock;
  readonly #checking: Interval;
  readonly #store: StateStore<RoomsSnapshot>;
  readonly #errors = new Listeners<ClientError>();
  readonly #events = new Listeners<RoomEventNotice>();
  readonly #membership: Membership;
  readonly #monitor = new LinkMonitor();
  #isStale = false;
  #lastReceivedAt = 0;
  #renderTimer: Timer = null;
  #stopListening = () => {};

  constructor(options: RoomsOptions) {
    const platform = (this.#platform = { ...defaultPlatform, ...options.platform });
    this.#clock = new ServerClock(httpTime(options.url, options.fetch), () => platform.now());
    this.#credentials = new Credentials({
      credential: options.credential,
      platform,
      send: (message) => this.#connection.send(message),
      serverNow: () => this.#clock.now(),
      errors: this.#errors,
    });
    this.#checking = new Interval(platform, CHECK_INTERVAL_MS, () => this.#check());
    this.#membership = new Membership({
      resumes: new ResumeStorage(options.storage),
      send: (message) => this.#connection.send(message),
      isOnline: () => this.#connection.state.phase === 'online',
      now: () => platform.now(),
      serverNow: () => this.#clock.now(),
      onEvent: (event, before) => this.#events.notify({ event, before }),
      onFault: (fault) => this.#errors.notify({ kind: 'server', ...fault, retry: fault.code === 'UNAVAILABLE' }),
      onChange: () => this.#publish(),
    });
    const url = httpUrl(options.url, 'socket.io/');
    const dial = this.#credentials.observe(socketIoDial(options.io, async () => ({ url, identity: await this.#credentials.present() })));
    this.#connection = new Connection({
      platform,
      dial: (events) => this.#joiningDial(dial, events),
      isHandshake: ({ type }) => type === 'connect',
      isTick: ({ type }) => type === 'timer:tick',
      countsAfterHandover: ({ type }) => type === 'ack' || type === 'timer:tick',
      expectsTicks: () => this.#membership.hasPendingCommands || this.#expectsTicks(),
      canRenewCredential: this.#credentials.isRenewable,
      onMessage: (message, isHandover) => this.#receive(message, isHandover),
      onStateChange: (state) => this.#handleConnectionState(state),
    });
    this.#store = new StateStore(this.#describe());
  }

  /** Returns what the client knows; the same object until that changes. */
  readonly getSnapshot = (): RoomsSnapshot => this.#store.getSnapshot();

  /** Calls `listener` after each change, each displayed second included; returns a function that ends it. */
  readonly subscribe = (listener: () => void): (() => void) => this.#store.subscribe(listener);

  /** Calls `listener` for errors of commands, of the token provider, and of the server that belong to no command. */
  onError(listener: (error: ClientError) => void): () => void {
    return this.#errors.add(listener);
  }

  /** Calls `listener` with each event of the server that has changed something. */
  onEvent(listener: (notice: RoomEventNotice) => void): () => void {
    return this.#events.add(listener);
  }

  /** Connects, and joins the room that was asked for, if there is one. */
  open(): void {
    this.#stopListening();
    this.#stopListening = this.#platform.onWake(() => this.#wake());
    this.#connection.open();
    this.#checking.start();
  }

  /** Disconnects. The membership lasts for some seconds more, so that another client can resume it. */
  close(): void {
    this.#stopListening();
    this.#checking.stop();
    this.#connection.close();
    this.#platform.clearTimeout(this.#renderTimer);
  }

  /** Connects at once instead of at the next attempt, also after a refusal. */
  retryNow(): void {
    this.#connection.open();
  }

  /** Creates a room and joins it. `duration` is in seconds. */
  create({ name, ...create }: { readonly duration?: number; readonly name?: string } = {}): void {
    this.#membership.setTarget({ create, ...(name ? { name } : {}) });
  }

  /** Joins a room, and leaves the previous one. */
  join(sessionId: string, { name }: { readonly name?: string } = {}): void {
    const { target, joinError } = this.#membership;
    const isTarget = target !== null && 'sessionId' in target && target.sessionId === sessionId;
    if (joinError || !isTarget) this.#membership.setTarget({ sessionId, ...(name ? { name } : {}) });
  }

  leave(): void {
    this.#membership.setTarget(null);
  }

  /** Returns the estimated time of the server, in milliseconds since 1970. */
  serverNow(): number {
    return this.#clock.now();
  }

  /** Sends a command for the countdown. It is displayed at once, and not repeated if the connection is lost. */
  send(command: CountdownCommand): Promise<RoomCommandResult> {
    return new Promise((resolve) => {
      this.#membership.send(command, (fault) => resolve(fault ? { ok: false, error: this.#report(command, fault) } : { ok: true }));
    });
  }

  get #canSendCommands(): boolean {
    return this.#connection.state.phase === 'online' && this.#membership.isJoined;
  }

  /** A link is of use when it has joined the room: only then can it replace another one. */
  #joiningDial(dial: Dial, events: LinkEvents): Link {
    const { target } = this.#membership;
    let isJoining = false;
    const link: Link = dial({
      onMessage: (message) => {
        const payload = target === this.#membership.target ? this.#membership.joinPayload() : null;
        if (message.type === 'connect' && payload) {
          isJoining = link.send({ type: 'session:join', payload, id: HANDSHAKE_ID });
          if (this.#connection.state.phase === 'online') this.#membership.beginMove();
        } else if (isJoining && message.type === 'ack') {
          isJoining = false;
          this.#handleHandshakeAnswer(link, events, { target, answer: message['payload'] });
        } else if (!isJoining || message.type !== 'error') {
          // The error of a join arrives in its answer too.
          events.onMessage(message);
        }
      },
      onClosed: (closed) => {
        if (isJoining) this.#membership.endMove(true);
        events.onClosed(closed);
      },
    });
    // A link that the connection gives up, because it does not answer, reports no end.
    return { send: (message) => link.send(message), close: () => (isJoining && this.#membership.endMove(true), link.close()) };
  }

  /** A node whose store is unavailable cannot continue the room of a link that works. */
  #handleHandshakeAnswer(link: Link, events: LinkEvents, payload: { target: RoomTarget | null; answer: unknown }) {
    const isUnavailable = parseAnswer(payload.answer).fault?.code === 'UNAVAILABLE';
    if (!isUnavailable || this.#connection.state.phase !== 'online') return events.onMessage({ type: 'connect', payload });
    link.close();
    this.#membership.endMove(true);
    events.onClosed({ code: CLOSE.lost, reason: 'UNAVAILABLE' });
  }

  #receive(message: Message, isHandover: boolean) {
    this.#lastReceivedAt = this.#platform.now();
    this.#monitor.receive(message.type === 'timer:tick');
    if (message.type === 'connect') return this.#handleConnect(message, isHandover);
    if (message.type === 'ack' && this.#credentials.receive({ ...message, type: parseAnswer(message['payload']).fault ? 'error' : 'auth' })) return;
    const event = parseRoomEvent(message);
    const serverTime = event?.type === 'session:joined' ? event.payload.state.serverTime : event && 'serverTime' in event.payload ? event.payload.serverTime : undefined;
    if (serverTime !== undefined) this.#clock.observe(serverTime);
    this.#membership.receive(message);
  }

  #handleConnect({ payload }: Message, isHandover: boolean) {
    this.#credentials.handleOnline();
    this.#clock.invalidate();
    this.#syncTime();
    const { target, answer } = (payload ?? {}) as { target?: RoomTarget; answer?: unknown };
    if (target) this.#membership.handleJoinedLink(target, answer, isHandover);
    else this.#membership.handleConnect();
  }

  #handleConnectionState({ phase }: ConnectionState) {
    this.#monitor.reset();
    this.#lastReceivedAt = this.#platform.now();
    this.#isStale = false;
    if (phase !== 'online') {
      this.#credentials.handleOffline();
      this.#membership.handleLoss();
    }
    this.#publish();
  }

  /** Checks the connection, the clock and unfinished work. */
  #check() {
    if (this.#connection.state.phase !== 'online') return;
    this.#syncTime();
    const silentMs = this.#platform.now() - this.#lastReceivedAt;
    const { isPending } = this.#membership;
    if (isPending && silentMs > RESPONSE_TIMEOUT_MS) return this.#connection.abort();
    // Socket.IO itself notices a link without pings.
    this.#monitor.receive(false);
    const condition = this.#monitor.check(this.#expectsTicks());
    if (condition === 'dead') return this.#connection.abort();
    this.#isStale = condition === 'stale' || (isPending && silentMs > STALE_AFTER_MS);
    this.#membership.check();
    this.#publish();
  }

  #wake() {
    if (this.#connection.state.phase === 'offline') this.#connection.open();
    else this.#check();
    this.#publish();
  }

  #expectsTicks(): boolean {
    const { room } = this.#membership.model;
    return this.#membership.isJoined && room !== null && room.state.isRunning && remainingMs(room.state, this.#clock.now()) > CHECK_INTERVAL_MS;
  }

  #syncTime() {
    void this.#clock.sync().then((updated) => updated && this.#publish());
  }

  #report(command: CountdownCommand, { code, message }: RoomFault): CommandError {
    const { type, ...payload } = command;
    const error: CommandError = { kind: 'command', code: code as CommandErrorCode, message: message || code, command: { id: '', type, payload } };
    this.#errors.notify(error);
    return error;
  }

  /** The displayed second changes when the part above whole seconds has elapsed. */
  #publish() {
    const next = this.#describe();
    this.#platform.clearTimeout(this.#renderTimer);
    if (next.timer?.isRunning && next.remainingSeconds! > 0 && next.connection.phase !== 'closed') {
      const ms = remainingMs(next.timer, this.#clock.now());
      this.#renderTimer = this.#platform.setTimeout(() => this.#publish(), (ms % 1000 || 1000) + 1);
    }
    this.#store.set(next);
  }

  #describe(): RoomsSnapshot {
    const { model, target, timer, joinError, lastJoinError } = this.#membership;
    return {
      connection: this.#connection.state,
      target,
      room: model.room,
      timer,
      remainingSeconds: timer && Math.ceil(remainingMs(timer, this.#clock.now()) / 1000),
      completedAt: model.completedAt,
      times: this.#canSendCommands && !this.#isStale ? 'live' : 'continued',
      canSendCommands: this.#canSendCommands,
      joinError,
      lastJoinError,
    };
  }
}
