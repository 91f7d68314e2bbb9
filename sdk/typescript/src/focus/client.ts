/** The client of one person's focus session: its seconds, what the person does on the page, and the score. */
import { CommandClient, type CommandClientOptions, type PendingCommands } from '../core/command-client.js';
import type { ConnectionState } from '../core/connection.js';
import { httpUrl, webSocketTarget } from '../core/endpoint.js';
import type { Command, CommandError, CommandErrorCode } from '../core/errors.js';
import type { HttpResult } from '../core/http.js';
import type { Dial, Message } from '../core/link.js';
import { LocalTicker } from '../core/local-ticker.js';
import type { CommandResult } from '../core/outbox.js';
import type { Timer } from '../core/platform.js';
import { TimePings } from '../core/time-pings.js';
import { defaultWebSocket, webSocketDial, type WebSocketConstructor } from '../core/web-socket-link.js';
import { pageActivity, type ActivitySource } from './activity.js';
import { COMMAND_LIMITS, sendStatus, type FocusChanged, type StatusChange } from './commands.js';
import { FocusDisplay, type Displayed } from './display.js';
import { FocusDocuments } from './documents.js';
import { uncounted, type ActivityRun, type UncountedSeconds } from './model.js';
import {
  isOpen,
  parseFocusMessage,
  type FocusEnding,
  type FocusSession,
  type FocusSessionChange,
  type FocusStats,
  type FocusTick,
  type NewFocusSession,
} from './protocol.js';
import { FocusRequests, type FocusListQuery } from './requests.js';
import type { FocusScore } from './score.js';
import { Tracking } from './tracking.js';

/** The server's default of `focus.idle_after`. */
const IDLE_AFTER_MS = 15_000;

/** After this silence another device may have paused the session; a tick can be late by a second. */
const OVERDUE_MS = 2_500;

/** How long a return waits for the news whether the session was paused meanwhile; the server waits for it up to 30 s. */
const VERIFY_MS = 3_000;

/** The options of a `FocusClient`. */
export interface FocusOptions extends CommandClientOptions {
  /** Whether a client continues the newest active session, also one that another device has started, which counts as activity; true by default. */
  readonly continueOnOpen?: boolean;
  /** What the person does: input and visibility of the page by default, and nothing outside of browsers. */
  readonly activity?: ActivitySource;
  /** The server's `focus.idle_after`, for seconds that are displayed without the server; 15 s by default. */
  readonly idleAfterMs?: number;
  /** The zone that decides when a day of the streak begins, by its name in the IANA database: the browser's by default. */
  readonly zone?: string;
  /** The WebSocket of the environment by default. Node has none before version 22: pass that of the package `ws`. */
  readonly WebSocket?: WebSocketConstructor;
  /** The `fetch` of the environment by default. */
  readonly fetch?: typeof fetch;
}

/** What a client knows. It is immutable; another object replaces it after a change. */
export interface FocusSnapshot extends PendingCommands {
  readonly connection: ConnectionState;
  /** Whether the server has told if there is a session. */
  readonly loaded: boolean;
  /** The current session with its live counters and the commands that wait; it stays after its end, and is null if there is none. */
  readonly session: FocusSession | null;
  /** Whether the server counts the seconds of the session for this client. */
  readonly isTracked: boolean;
  /** Whether the last counted second is idle. */
  readonly idle: boolean;
  /** The counted seconds as runs of active and idle ones, in order. */
  readonly activity: readonly ActivityRun[];
  /** The score that the session would have if it ended now, and its parts. */
  readonly score: FocusScore | null;
  /** The sum of all ended sessions; null before it is loaded. */
  readonly stats: FocusStats | null;
  /** Whether the seconds are the server's, continue by the local clock, or are the last known ones. */
  readonly times: 'live' | 'continued' | 'last-known';
}

/** See the module. Nothing happens before `open`. */
export class FocusClient extends CommandClient<FocusSnapshot, FocusChanged> {
  protected readonly dial: Dial;
  readonly #requests: FocusRequests;
  readonly #documents: FocusDocuments;
  readonly #source: ActivitySource;
  readonly #idleAfterMs: number;
  readonly #pings = new TimePings(this.platform, (message) => this.connection.send(message));
  readonly #ticker = new LocalTicker(this.platform, this.clock, () => this.publish());
  readonly #tracking = new Tracking({
    platform: this.platform,
    send: (message) => this.connection.send(message),
    wanted: () => this.#wantedId(),
    onStarted: (isReturn) => this.#handleStarted(isReturn),
    onRefused: (refusal) => this.#handleRefusal(refusal),
    onTimeout: () => this.connection.abort(),
  });
  readonly #shown = new FocusDisplay();
  readonly #continuesOnOpen: boolean;
  /** The session that the application has asked to count. */
  #continuedId: string | null = null;
  /** Whether the session was loaded since the connection was lost. */
  #isVerified = false;
  /** Whether a tick has arrived since then. */
  #isInStep = false;
  #tickedAt = -Infinity;
  #isCreating = false;
  /** The session that the links of the last handover have started. */
  #handoverId: string | null = null;
  #verifications = 0;
  #verifyTimer: Timer = null;
  #stopWatching = () => {};

  constructor(options: FocusOptions) {
    super('focus', options, COMMAND_LIMITS);
    this.#continuesOnOpen = options.continueOnOpen !== false;
    this.#source = options.activity ?? pageActivity();
    this.#idleAfterMs = options.idleAfterMs ?? IDLE_AFTER_MS;
    this.#requests = new FocusRequests(options, options.zone ?? new Intl.DateTimeFormat().resolvedOptions().timeZone);
    this.#documents = new FocusDocuments({
      requests: this.#requests,
      platform: this.platform,
      serverNow: () => this.clock.now(),
      onChange: () => this.#handleChange(),
      onError: (error) => this.errors.notify(error),
    });
    const url = httpUrl(options.url, 'ws/sessions');
    const target = async () => webSocketTarget(url, await this.credentials.present());
    this.dial = this.#tracking.continuing(webSocketDial(options.WebSocket ?? defaultWebSocket(), target));
  }

  /** Connects, continues the newest session that is active, and takes over commands that earlier pages have left in the storage. */
  override open(): void {
    this.#stopWatching();
    const stops = [this.#source.onActivity(() => this.reportActivity()), this.#source.onTabSwitch(() => this.reportTabSwitch())];
    this.#stopWatching = () => stops.forEach((stop) => stop());
    super.open();
    this.outbox.setOnline(true);
  }

  /** Disconnects. The server counts for 30 s more if a client returns by then. Commands that are stored wait for the next client. */
  override close(): void {
    this.#stopWatching();
    super.close();
  }

  /** Creates a session and counts its seconds. It is not repeated if its outcome is unknown: there could be two sessions. */
  async start(session: NewFocusSession): Promise<CommandResult<FocusChanged>> {
    const command: Command = { id: this.platform.randomId(), type: 'create', payload: { ...session } };
    if (this.outbox.isClosed) return this.#fail(command, 'closed', 'the client is closed');
    if (this.#isCreating) return this.#fail(command, 'busy', 'another session is being created');
    this.#isCreating = true;
    const result = await this.#requests.create(session);
    this.#isCreating = false;
    if (result.ok) return this.#continue(result.value);
    const { status, message } = result.error;
    const isUnknown = status === 0 || status >= 500;
    if (!isUnknown) return this.#fail(command, `http_${status}`, message);
    this.#documents.doubt();
    return this.#fail(command, 'outcome_unknown', `the server may or may not have created the session: ${message}`);
  }

  /** Makes another session the current one, and counts its seconds if it is active. */
  async track(sessionId: string): Promise<CommandResult<FocusChanged>> {
    const command: Command = { id: this.platform.randomId(), type: 'track', payload: { sessionId } };
    if (this.outbox.isClosed) return this.#fail(command, 'closed', 'the client is closed');
    const result = await this.#requests.get(sessionId);
    if (!result.ok) return this.#fail(command, `http_${result.error.status}`, result.error.message);
    return isOpen(result.value) ? this.#continue(result.value) : this.#fail(command, 'ended', 'the session has ended');
  }

  /** Stops the count until the session is resumed, on all devices. */
  pause(): Promise<CommandResult<FocusChanged>> {
    return this.#submit('pause', 'paused');
  }

  /** Counts again. It counts as activity. */
  resume(): Promise<CommandResult<FocusChanged>> {
    this.#continuedId = this.#documents.model.session?.id ?? null;
    return this.#submit('resume', 'active');
  }

  /** Ends the session. If it has ended before, its first end stands. */
  stop(status: FocusEnding = 'completed'): Promise<CommandResult<FocusChanged>> {
    return this.#submit('stop', status);
  }

  /** Tells that the person is active, as input on the page does. It is sent once a second at most, and only while seconds count. */
  reportActivity(): void {
    this.#tracking.reportActivity();
  }

  /** Tells that the person has left the page, as hiding it does. */
  reportTabSwitch(): void {
    this.#tracking.reportTabSwitch();
  }

  /** Returns sessions, newest first: all of them without a `limit`. */
  list(query: FocusListQuery = {}): Promise<HttpResult<readonly FocusSession[]>> {
    return this.#requests.list(query);
  }

  /** Changes what a session is about, ended or not. */
  async update(sessionId: string, change: Omit<FocusSessionChange, 'status'>): Promise<HttpResult<FocusSession>> {
    const result = await this.#requests.change(sessionId, change);
    if (result.ok) this.#documents.apply(result.value);
    return result;
  }

  /** Deletes a session, and takes it out of the statistics. */
  async remove(sessionId: string): Promise<HttpResult<void>> {
    const result = await this.#requests.remove(sessionId);
    if (result.ok) this.#documents.remove(sessionId);
    return result;
  }

  protected requestTime(): Promise<number> {
    return this.#pings.request();
  }

  protected isHandshake({ type }: Message): boolean {
    return type === 'connected';
  }

  /** After a handover to a link that tracks another session, the old link tells nothing about the current one. */
  protected override countsAfterHandover({ type }: Message): boolean {
    return (type === 'tick' || type === 'stopped') && this.#handoverId === this.#tracking.startedId;
  }

  protected expectsTicks(): boolean {
    const { session } = this.#documents.model;
    return session?.status === 'active' && session.id === this.#tracking.startedId;
  }

  protected receive(raw: Message): void {
    if (this.#pings.receive(raw)) return;
    const message = parseFocusMessage(raw);
    if (!message || this.#tracking.receive(message)) return;
    switch (message.type) {
      case 'connected':
        return this.#tracking.handleOnline(raw['sessionId']);
      case 'tick':
        return this.#receiveTick(message.tick);
      case 'stopped':
        return this.#receiveStopped(message.sessionId);
      case 'error':
        return this.errors.notify({ kind: 'server', code: message.code, message: message.message, retry: message.retry });
    }
  }

  protected override handleOnline(isHandover: boolean): void {
    this.#handoverId = isHandover ? this.#tracking.startedId : null;
    if (isHandover) this.#tracking.ensure();
    else void this.#verify();
  }

  protected override handleOffline(): void {
    this.#verifications += 1;
    this.platform.clearTimeout(this.#verifyTimer);
    this.#pings.cancel();
    this.#tracking.handleOffline();
    this.#isVerified = this.#isInStep = false;
  }

  protected override maintainOnline(): void {
    if (this.expectsTicks() && this.platform.now() - this.#tickedAt > OVERDUE_MS) this.#documents.doubt();
    this.#documents.maintain(this.expectsTicks());
  }

  protected sendCommand(command: Command): boolean {
    void this.#post(command);
    return true;
  }

  protected override publish(): void {
    this.#ticker.setRunning(this.#uncounted() !== null);
    super.publish();
  }

  protected describe(): FocusSnapshot {
    const { shown, score } = this.#display();
    return {
      connection: this.connection.state,
      loaded: this.#documents.isLoaded,
      session: shown.session,
      isTracked: this.expectsTicks(),
      idle: shown.idle,
      activity: shown.runs,
      score,
      stats: this.#documents.stats,
      times: this.#times(),
      ...this.describePending(),
    };
  }

  #submit(type: string, status: StatusChange['status']): Promise<CommandResult<FocusChanged>> {
    const { session } = this.#display().shown;
    if (session && isOpen(session)) return this.outbox.submit(type, { sessionId: session.id, status } satisfies StatusChange);
    const command: Command = { id: this.platform.randomId(), type, payload: { status } };
    return Promise.resolve(session ? this.#fail(command, 'ended', 'the session has ended') : this.#fail(command, 'no_session', 'there is no session'));
  }

  async #post(command: Command) {
    const { result, answer } = await sendStatus(this.#requests, command);
    const { sessionId, status } = command.payload as unknown as StatusChange;
    if (result.ok) this.#documents.apply(result.value);
    else if (result.error.status === 404) this.#documents.remove(sessionId);
    this.outbox.settle(answer);
    this.#tracking.ensure({ isUrged: status === 'active' });
  }

  #continue(session: FocusSession): CommandResult<FocusChanged> {
    this.#continuedId = session.id;
    this.#isInStep = false;
    this.#documents.apply(session, { isCurrent: true });
    this.#tracking.ensure({ isUrged: true });
    return { ok: true, session };
  }

  #fail(command: Command, code: CommandErrorCode, message: string): CommandResult<FocusChanged> {
    const error: CommandError = { kind: 'command', code, message, command };
    this.errors.notify(error);
    return { ok: false, error };
  }

  /** A client that returns in time continues its seconds. */
  #handleStarted(isReturn: boolean) {
    this.#tickedAt = this.platform.now();
    if (!isReturn || this.#uncounted() === null) this.#documents.applyStart();
    this.publish();
  }

  #receiveTick(tick: FocusTick) {
    if (this.#tracking.startedId !== this.#documents.model.session?.id) return;
    this.#isInStep = true;
    this.#tickedAt = this.platform.now();
    this.#documents.applyTick(tick);
  }

  #receiveStopped(sessionId: string) {
    this.#tracking.handleStopped(sessionId);
    const { session } = this.#documents.model;
    if (session?.id !== sessionId || !isOpen(session)) return;
    this.#documents.doubt();
    void this.#documents.refresh();
  }

  #handleRefusal({ code, message }: { code: string; message: string }) {
    if (code !== 'not_found') this.errors.notify({ kind: 'server', code, message, retry: false });
    // The session has ended or was deleted.
    this.#documents.doubt();
    void this.#documents.refresh();
  }

  #handleChange() {
    this.#tracking.ensure();
    this.publish();
  }

  /** A start would resume a session that another device has paused meanwhile. */
  async #verify() {
    const verification = ++this.#verifications;
    await new Promise<void>((resolve) => {
      this.#verifyTimer = this.platform.setTimeout(resolve, VERIFY_MS);
      void this.#documents.refresh().then(resolve);
    });
    if (verification !== this.#verifications) return;
    this.platform.clearTimeout(this.#verifyTimer);
    this.#isVerified = true;
    this.#tracking.ensure();
  }

  #wantedId(): string | null {
    const { session } = this.#display().shown;
    if (session?.status !== 'active' || !this.#isVerified) return null;
    return this.#continuesOnOpen || session.id === this.#continuedId ? session.id : null;
  }

  #times(): FocusSnapshot['times'] {
    const isCounting = this.#documents.model.session?.status === 'active';
    if (this.isLive && (!isCounting || this.expectsTicks())) return 'live';
    return this.#uncounted() === null ? 'last-known' : 'continued';
  }

  /** Returns the seconds that pass by the local clock; null while ticks arrive or nothing is known to be counted. */
  #uncounted(): UncountedSeconds | null {
    const { model } = this.#documents;
    const isCounted = model.session !== null && model.session.id === this.#tracking.lastStartedId && this.connection.state.phase !== 'closed';
    if (!isCounted || (this.isLive && this.#isInStep)) return null;
    const beatMs = Math.floor(this.clock.now() / 1000) * 1000;
    return uncounted(model, beatMs, this.#tracking.lastReportAt + this.clock.offsetMs + this.#idleAfterMs);
  }

  #display(): Displayed {
    return this.#shown.of(this.#documents.model, this.outbox.pending, this.#uncounted() ?? undefined);
  }
}
