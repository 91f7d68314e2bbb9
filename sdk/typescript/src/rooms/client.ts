/** The client of one member of one room: the membership, and the time. */
import { OVERLAP_MS, type ConnectionState } from '../core/connection.js';
import { httpUrl } from '../core/endpoint.js';
import type { CommandError } from '../core/errors.js';
import { httpTime } from '../core/http-time.js';
import type { Dial, Message } from '../core/link.js';
import type { LinkCondition } from '../core/link-monitor.js';
import { LiveClient, type ClientOptions } from '../core/live-client.js';
import type { KeyValueStorage } from '../core/outbox-storage.js';
import type { Timer } from '../core/platform.js';
import { socketIoDial, type SocketIo } from '../core/socket-io-link.js';
import { Listeners } from '../core/store.js';
import { remainingMs, remainingSeconds, type CountdownCommand, type DisplayedCountdown } from './countdown.js';
import { joiningDial, type JoinedLink } from './joining-dial.js';
import { Membership, type RoomTarget } from './membership.js';
import type { RoomModel } from './model.js';
import { parseRoomEvent, type Room, type RoomEvent, type RoomFault, type TimerState } from './protocol.js';
import { ResumeStorage } from './resume-storage.js';

/** While a request is pending, displayed values count as old after this silence. */
const STALE_AFTER_MS = 3_000;

/** While a request is pending, the connection is aborted after this silence; the server answers within 20 s. */
const RESPONSE_TIMEOUT_MS = 25_000;

/** With less than this left, no tick may be due before the end. */
const LAST_TICK_MS = 1_000;

/** The options of a `RoomsClient`. */
export interface RoomsOptions extends ClientOptions {
  /** The function `io` of the package `socket.io-client`. */
  readonly io: SocketIo;
  /** Keeps the membership of a tab over reloads: `sessionStorage`, because two tabs are two members. */
  readonly storage?: KeyValueStorage | null;
  /** The `fetch` of the environment by default. */
  readonly fetch?: typeof fetch;
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
export class RoomsClient extends LiveClient<RoomsSnapshot> {
  protected readonly dial: Dial;
  protected readonly requestTime: () => Promise<number>;
  readonly #events = new Listeners<RoomEventNotice>();
  readonly #membership: Membership;
  #displayed: DisplayedCountdown | null = null;
  #lastReceivedAt = 0;
  #renderTimer: Timer = null;

  constructor(options: RoomsOptions) {
    super(options);
    this.requestTime = httpTime(options.url, options.fetch);
    this.#membership = new Membership({
      resumes: new ResumeStorage(options.storage),
      send: (message) => this.connection.send(message),
      isOnline: () => this.isOnline,
      now: () => this.platform.now(),
      serverNow: () => this.clock.now(),
      onEvent: (event, before) => this.#events.notify({ event, before }),
      onFault: (fault) => this.errors.notify({ kind: 'server', ...fault, retry: fault.code === 'UNAVAILABLE' }),
      onChange: () => this.publish(),
    });
    const url = httpUrl(options.url, 'socket.io/');
    const dial = socketIoDial(options.io, async () => ({ url, identity: await this.credentials.present() }));
    this.dial = joiningDial(dial, this.#membership, () => this.isOnline);
  }

  /** Calls `listener` with each event of the server that has changed something. */
  onEvent(listener: (notice: RoomEventNotice) => void): () => void {
    return this.#events.add(listener);
  }

  /** Disconnects. The membership lasts for some seconds more, so that another client can resume it. */
  override close(): void {
    super.close();
    this.platform.clearTimeout(this.#renderTimer);
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

  /** Sends a command for the countdown. It is displayed at once, and not repeated if the connection is lost. */
  send(command: CountdownCommand): Promise<RoomCommandResult> {
    return new Promise((resolve) => {
      this.#membership.send(command, (fault) => resolve(fault ? { ok: false, error: this.#report(command, fault) } : { ok: true }));
    });
  }

  protected isHandshake({ type }: Message): boolean {
    return type === 'connect';
  }

  protected override isTick({ type }: Message): boolean {
    return type === 'timer:tick';
  }

  protected override countsAfterHandover(message: Message): boolean {
    return message.type === 'ack' || this.isTick(message);
  }

  protected override overlapMs(): number {
    return this.#membership.hasPendingCommands ? OVERLAP_MS : super.overlapMs();
  }

  protected expectsTicks(): boolean {
    const { room } = this.#membership.model;
    return this.#membership.isJoined && room !== null && room.state.isRunning && remainingMs(room.state, this.clock.now()) > LAST_TICK_MS;
  }

  /** Socket.IO itself notices a link without pings. */
  protected override allowsSilence(): boolean {
    return true;
  }

  protected override assess(condition: LinkCondition): LinkCondition {
    if (!this.#membership.isPending) return condition;
    const silentMs = this.platform.now() - this.#lastReceivedAt;
    if (silentMs > RESPONSE_TIMEOUT_MS) return 'dead';
    return condition === 'ok' && silentMs > STALE_AFTER_MS ? 'stale' : condition;
  }

  protected receive(message: Message, isHandover: boolean): void {
    this.#lastReceivedAt = this.platform.now();
    if (message.type === 'connect') return this.#handleConnect(message, isHandover);
    const event = parseRoomEvent(message);
    const serverTime = event?.type === 'session:joined' ? event.payload.state.serverTime : event && 'serverTime' in event.payload ? event.payload.serverTime : undefined;
    if (serverTime !== undefined) this.clock.observe(serverTime);
    this.#membership.receive(message);
  }

  protected override handleOffline(): void {
    this.#membership.handleLoss();
  }

  protected override maintainOnline(): void {
    this.#membership.check();
  }

  /** The displayed second changes when the part above whole seconds has elapsed. */
  protected override publish(): void {
    super.publish();
    this.platform.clearTimeout(this.#renderTimer);
    const { timer, remainingSeconds, connection } = this.getSnapshot();
    if (!timer?.isRunning || remainingSeconds === 0 || connection.phase === 'closed') return;
    const ms = remainingMs(timer, this.clock.now());
    this.#renderTimer = this.platform.setTimeout(() => this.publish(), (ms % 1000 || 1000) + 1);
  }

  protected describe(): RoomsSnapshot {
    const { model, target, timer, joinError, lastJoinError } = this.#membership;
    this.#displayed = timer && { state: timer, seconds: remainingSeconds(timer, this.clock.now(), this.#displayed) };
    return {
      connection: this.connection.state,
      target,
      room: model.room,
      timer,
      remainingSeconds: this.#displayed?.seconds ?? null,
      completedAt: model.completedAt,
      times: this.#canSendCommands && this.isLive ? 'live' : 'continued',
      canSendCommands: this.#canSendCommands,
      joinError,
      lastJoinError,
    };
  }

  get #canSendCommands(): boolean {
    return this.isOnline && this.#membership.isJoined;
  }

  #handleConnect({ payload }: Message, isHandover: boolean) {
    const { target, answer } = (payload ?? {}) as Partial<JoinedLink>;
    if (target) this.#membership.handleJoinedLink(target, answer, isHandover);
    else this.#membership.handleConnect();
  }

  #report(command: CountdownCommand, { code, message }: RoomFault): CommandError {
    const { type, ...payload } = command;
    const error: CommandError = { kind: 'command', code, message: message || code, command: { id: '', type, payload } };
    this.errors.notify(error);
    return error;
  }
}
