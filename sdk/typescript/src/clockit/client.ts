/** The client of one user's stopwatch sessions: the model, and commands over the connection. */
import { CLOSE } from '../core/close-policy.js';
import { CommandClient, type CommandClientOptions, type PendingCommands } from '../core/command-client.js';
import type { ConnectionState } from '../core/connection.js';
import { httpUrl, webSocketTarget } from '../core/endpoint.js';
import type { Command } from '../core/errors.js';
import type { Dial, Message } from '../core/link.js';
import { LocalTicker } from '../core/local-ticker.js';
import type { CommandResult } from '../core/outbox.js';
import { Listeners } from '../core/store.js';
import { TimePings } from '../core/time-pings.js';
import { defaultWebSocket, webSocketDial, type WebSocketConstructor } from '../core/web-socket-link.js';
import { diffSessions, type SessionChange } from './diff.js';
import { continueLocally, INITIAL_MODEL, newestRunning, reduce, type Session } from './model.js';
import { parseServerMessage, type Acknowledged, type GoalInput, type SessionStart } from './protocol.js';

/** The options of a `ClockitClient`. Without a credential the client is a guest, if the server admits guests. */
export interface ClockitOptions extends CommandClientOptions {
  /** Whether displayed times continue by the local clock while no ticks arrive; true by default. */
  readonly continueLocally?: boolean;
  /** The WebSocket of the environment by default. Node has none before version 22: pass that of the package `ws`. */
  readonly WebSocket?: WebSocketConstructor;
}

/** What a client knows. It is immutable; another object replaces it after a change. */
export interface ClockitSnapshot extends PendingCommands {
  readonly connection: ConnectionState;
  /** The sessions by id, in the order of their creation. */
  readonly sessions: ReadonlyMap<string, Session>;
  /** Whether the sessions have been received at least once. */
  readonly loaded: boolean;
  /** Whether displayed times are the server's, continue by the local clock, or are the last known ones. */
  readonly times: 'live' | 'continued' | 'last-known';
}

/** See the module. Nothing happens before `open`. */
export class ClockitClient extends CommandClient<ClockitSnapshot, Acknowledged> {
  protected readonly dial: Dial;
  readonly #continuesLocally: boolean;
  readonly #changes = new Listeners<readonly SessionChange[]>();
  readonly #pings = new TimePings(this.platform, (message) => this.connection.send(message));
  readonly #ticker = new LocalTicker(this.platform, this.clock, (beatMs) => this.#setModel(continueLocally(this.#model, beatMs)));
  #model = INITIAL_MODEL;
  #receivedSinceSend = true;

  constructor(options: ClockitOptions) {
    super('clockit', options);
    this.#continuesLocally = options.continueLocally !== false;
    const url = httpUrl(options.url, 'session', { dialect: 'v1', client: this.storage.clientId });
    this.dial = webSocketDial(options.WebSocket ?? defaultWebSocket(), async () => webSocketTarget(url, await this.credentials.present()));
  }

  /** Calls `listener` with changes of sessions, which ticks are not. */
  onSessionChanges(listener: (changes: readonly SessionChange[]) => void): () => void {
    return this.#changes.add(listener);
  }

  /** Starts a session. Fields that are absent keep their values if the session exists. */
  start(session: SessionStart): Promise<CommandResult<Acknowledged>> {
    return this.outbox.submit('session-start', { ...session });
  }

  stop(sessionId: string): Promise<CommandResult<Acknowledged>> {
    return this.outbox.submit('session-stop', { sessionId });
  }

  pause(sessionId: string): Promise<CommandResult<Acknowledged>> {
    return this.outbox.submit('session-pause', { sessionId });
  }

  /** Resumes a paused session, and runs a stopped one again. */
  resume(sessionId: string): Promise<CommandResult<Acknowledged>> {
    return this.outbox.submit('session-resume', { sessionId });
  }

  /** Removes a session from the list on every device. */
  remove(sessionId: string): Promise<CommandResult<Acknowledged>> {
    return this.outbox.submit('session-remove', { sessionId });
  }

  /** Adds a goal, or replaces the goal with the same id. */
  attachGoal(sessionId: string, goal: GoalInput): Promise<CommandResult<Acknowledged>> {
    return this.outbox.submit('session-attach', { sessionId, goal });
  }

  detachGoal(sessionId: string, goalId: string): Promise<CommandResult<Acknowledged>> {
    return this.outbox.submit('session-detach', { sessionId, goalId });
  }

  protected requestTime(): Promise<number> {
    return this.#pings.request();
  }

  protected isHandshake(message: Message): boolean {
    return parseServerMessage(message)?.type === 'ready';
  }

  protected override countsAfterHandover({ type, id }: Message): boolean {
    return type === 'tick' || type === 'ack' || (type === 'error' && id !== undefined);
  }

  protected expectsTicks(): boolean {
    return newestRunning(this.#model.sessions) !== undefined;
  }

  protected sendCommand({ type, id, payload }: Command): boolean {
    this.#receivedSinceSend = false;
    return this.connection.send({ type, id, payload });
  }

  /** A link on which nothing has arrived since the command is dead. */
  protected override handleCommandTimeout(): void {
    if (!this.#receivedSinceSend) this.connection.abort();
  }

  protected receive(raw: Message): void {
    this.#receivedSinceSend = true;
    if (this.#pings.receive(raw)) return;
    const message = parseServerMessage(raw);
    if (!message) return;
    switch (message.type) {
      case 'answer':
        return this.outbox.settle(message.answer);
      case 'error':
        return this.errors.notify({ kind: 'server', code: message.code, message: message.message, retry: message.retry });
      case 'ready':
      case 'session-snapshot':
      case 'tick':
        if (message.serverTime !== undefined) this.clock.observe(message.serverTime);
    }
    this.#setModel(reduce(this.#model, message));
  }

  /** After a handover the command in flight is repeated, because its answer can be lost with the old link. */
  protected override handleOnline(): void {
    this.outbox.setOnline(true);
  }

  protected override handleOffline(state: ConnectionState): void {
    this.#pings.cancel();
    if (state.phase === 'offline' && 'code' in state.error && state.error.code === CLOSE.tooLarge) this.outbox.failCurrent('too_large');
    this.outbox.setOnline(false);
  }

  protected override publish(): void {
    this.#ticker.setRunning(this.#times() === 'continued');
    super.publish();
  }

  protected describe(): ClockitSnapshot {
    const { sessions, loaded } = this.#model;
    return { connection: this.connection.state, sessions, loaded, times: this.#times(), ...this.describePending() };
  }

  #setModel(model: typeof INITIAL_MODEL) {
    const before = this.#model;
    this.#model = model;
    const changes = diffSessions(before, model);
    this.publish();
    if (changes.length > 0) this.#changes.notify(changes);
  }

  #times(): ClockitSnapshot['times'] {
    if (this.isLive) return 'live';
    const isContinued = this.#model.loaded && this.connection.state.phase !== 'closed' && this.#continuesLocally;
    return isContinued ? 'continued' : 'last-known';
  }
}
