/** The client of one person's working day: the day, and the punches that wait for the server. */
import { CommandClient, type CommandClientOptions, type PendingCommands } from '../core/command-client.js';
import type { ConnectionState } from '../core/connection.js';
import { httpUrl, webSocketTarget } from '../core/endpoint.js';
import type { Command } from '../core/errors.js';
import { sendOnLeave, sendRequest, type HttpRequest, type HttpResult } from '../core/http.js';
import { patientAnswer } from '../core/http-answer.js';
import { httpTime } from '../core/http-time.js';
import { Interval } from '../core/interval.js';
import type { Dial, Message } from '../core/link.js';
import { LocalTicker } from '../core/local-ticker.js';
import type { CommandResult, OutboxLimits } from '../core/outbox.js';
import { defaultWebSocket, webSocketDial, type WebSocketConstructor } from '../core/web-socket-link.js';
import { createPunch, liveSeconds, withPunches, type LiveSeconds } from './day.js';
import { isDayLogPage, isPunch, isWorkDay, parseDay, type DayChanges, type DayLogPage, type Ignored, type Punch, type WorkDay } from './protocol.js';

/** How often the client says that its page is open. */
const HEARTBEAT_MS = 30_000;

/** A punch is known to the server by its id for 30 days, and lands at its own time however late it arrives. */
const PUNCH_LIMITS: OutboxLimits = { resendWindowMs: 29 * 86_400_000, queuedMaxMs: 29 * 86_400_000, attemptsMax: Infinity };

/** The options of a `PunchClockClient`. Without a credential, the browser's cookies authenticate the person. */
export interface PunchClockOptions extends CommandClientOptions {
  /** The WebSocket of the environment by default. Node has none before version 22: pass that of the package `ws`. */
  readonly WebSocket?: WebSocketConstructor;
  /** The `fetch` of the environment by default. */
  readonly fetch?: typeof fetch;
}

/** What a client knows. It is immutable; another object replaces it after a change. */
export interface PunchClockSnapshot extends PendingCommands {
  readonly connection: ConnectionState;
  /** The day, with the punches that wait; null before it is loaded. It stays while the connection is lost. */
  readonly day: WorkDay | null;
  readonly workSeconds: number;
  readonly breakSeconds: number;
  /** Whether the server confirms the seconds, or they continue by the local clock. */
  readonly times: 'live' | 'continued';
}

/** What a stored punch returns: the day after it, and what of the request had no effect. */
export interface PunchStored {
  readonly day: WorkDay;
  readonly ignored: readonly Ignored[];
}

/** See the module. Nothing happens before `open`. */
export class PunchClockClient extends CommandClient<PunchClockSnapshot, PunchStored> {
  protected readonly dial: Dial;
  protected readonly requestTime: () => Promise<number>;
  readonly #options: PunchClockOptions;
  readonly #ticker = new LocalTicker(this.platform, this.clock, () => this.publish());
  readonly #heartbeat = new Interval(this.platform, HEARTBEAT_MS, () => this.#beat());
  #stored: WorkDay | null = null;
  #displayed: { stored: WorkDay | null; pending: readonly Command[]; day: WorkDay | null } = { stored: null, pending: [], day: null };

  constructor(options: PunchClockOptions) {
    super('punch-clock', options, PUNCH_LIMITS);
    this.#options = options;
    this.requestTime = httpTime(options.url, options.fetch);
    const url = httpUrl(options.url, 'api/session/live');
    this.dial = webSocketDial(options.WebSocket ?? defaultWebSocket(), async () => webSocketTarget(url, await this.credentials.present()));
  }

  /** Connects, and takes over punches that earlier pages have left in the storage. */
  override open(): void {
    this.syncClock();
    this.outbox.setOnline(true);
    super.open();
    this.#heartbeat.start();
    this.#ticker.setRunning(true);
  }

  /** Disconnects. Punches that are stored in the browser wait for the next client; others fail with `closed`, and so do new ones. */
  override close(): void {
    this.#heartbeat.stop();
    this.#ticker.setRunning(false);
    super.close();
  }

  /** Begins to work. The punch is dated now, however long it waits for the server. */
  clockIn(): Promise<CommandResult<PunchStored>> {
    return this.#punch('IN');
  }

  /** Ends or interrupts the work. */
  clockOut(): Promise<CommandResult<PunchStored>> {
    return this.#punch('OUT');
  }

  /** Stores a punch of another origin, such as one that was dated earlier. It waits like those of `clockIn`. */
  punch(punch: Punch): Promise<CommandResult<PunchStored>> {
    return this.outbox.submit('punch', { entries: [punch] });
  }

  /** Requests the day, for example where WebSockets are blocked. */
  refresh(): Promise<HttpResult<WorkDay>> {
    return this.#request({
      path: 'api/session',
      read: async (response) => {
        const { data } = await response.json();
        if (!isWorkDay(data)) throw new Error('the answer contains no day');
        this.#accept(data);
        return data;
      },
    });
  }

  /** Posts changes of the day once. The server derives the status and the totals, whatever is posted. */
  save(changes: DayChanges): Promise<HttpResult<PunchStored>> {
    return this.#save({ ...changes, updatedAt: changes.updatedAt ?? this.#updatedAt });
  }

  /** Posts the punches that wait, and changes, when the page is left. The browser sends them after its end. */
  saveOnLeave(changes: DayChanges = {}): void {
    const entries = [...this.#pendingPunches(), ...(changes.entries ?? [])];
    const body = { ...changes, updatedAt: changes.updatedAt ?? this.#updatedAt, ...(entries.length > 0 ? { entries } : {}) };
    sendOnLeave(this.#options, 'api/session', body);
  }

  /** Deletes the punches of the day, and keeps the theme. */
  reset(): Promise<HttpResult<void>> {
    return this.#request({ method: 'DELETE', path: 'api/session', read: async () => {} });
  }

  setTheme(currentTheme: string): Promise<HttpResult<PunchStored>> {
    return this.save({ currentTheme });
  }

  /** Sets the zone that decides when a day begins, by its name in the IANA database. */
  setZone(zone: string): Promise<HttpResult<void>> {
    return this.#request({ method: 'PUT', path: 'api/session/zone', json: { zone }, read: async () => {} });
  }

  /** Returns archived days, 30 a page by default. */
  logs(query: { readonly date?: string; readonly limit?: number; readonly page?: number } = {}): Promise<HttpResult<DayLogPage>> {
    return this.#request({
      path: 'api/daily-logs',
      query,
      read: async (response) => {
        const page: unknown = await response.json();
        if (!isDayLogPage(page)) throw new Error('the answer contains no archived days');
        return page;
      },
    });
  }

  protected sendCommand(command: Command): boolean {
    void this.#post(command);
    return true;
  }

  protected isHandshake(message: Message): boolean {
    return parseDay(message) !== null;
  }

  /** The server ticks once there is a punch. */
  protected expectsTicks(): boolean {
    return this.#stored !== null && this.#stored.entries.length > 0;
  }

  /** Without ticks the server is silent; the heartbeat and the clock use other connections. */
  protected override allowsSilence(): boolean {
    return !this.expectsTicks();
  }

  protected receive(message: Message): void {
    const day = parseDay(message);
    if (message.type === 'error') this.reportServerError(message, 'time_uncertain');
    if (day) this.#stored = day;
    this.publish();
  }

  protected override handleOnline(): void {
    this.outbox.setOnline(true);
  }

  protected override maintain(): void {
    super.maintain();
    this.syncClock();
  }

  protected describe(): PunchClockSnapshot {
    const day = this.#day();
    const live: LiveSeconds = day ? liveSeconds(day, Math.floor(this.clock.now() / 1000) * 1000) : { workSeconds: 0, breakSeconds: 0 };
    return { connection: this.connection.state, day, ...live, times: this.isLive ? 'live' : 'continued', ...this.describePending() };
  }

  #punch(type: Punch['type']): Promise<CommandResult<PunchStored>> {
    return this.punch(createPunch(this.platform.randomId(), type, this.clock.now()));
  }

  /** No punch is given up because a server is not reached: a repeated one is stored once. */
  async #post({ id, payload }: Command) {
    const result = await this.#save(payload);
    if (result.ok) return this.outbox.settle({ id, ok: true, value: result.value });
    this.outbox.settle(patientAnswer(id, result.error, this.#options.credential));
  }

  async #save(payload: object): Promise<HttpResult<PunchStored>> {
    const result = await this.#request({
      method: 'POST',
      path: 'api/session',
      json: payload,
      read: async (response) => {
        const { data, ignored } = await response.json();
        if (!isWorkDay(data)) throw new Error('the answer contains no day');
        return { day: data, ignored: Array.isArray(ignored) ? (ignored as Ignored[]) : [] };
      },
    });
    if (result.ok) this.#accept(result.value.day);
    return result;
  }

  /** The version of the day that a theme was chosen in. */
  get #updatedAt(): string {
    return this.#stored?.updatedAt ?? new Date(this.clock.now()).toISOString();
  }

  /** Displays the day of an answer, unless a newer one has arrived. */
  #accept(day: WorkDay) {
    if (this.#stored === null || day.updatedAt >= this.#stored.updatedAt) this.#stored = day;
    this.publish();
  }

  #request<T>(request: HttpRequest<T>): Promise<HttpResult<T>> {
    return sendRequest(this.#options, request);
  }

  #beat() {
    if (this.isOnline) void this.#request({ method: 'POST', path: 'api/heartbeat', json: {}, read: async () => {} });
  }

  /** The day with the punches that wait; the same object until either changes. */
  #day(): WorkDay | null {
    const { pending } = this.outbox;
    if (this.#displayed.stored !== this.#stored || this.#displayed.pending !== pending) {
      this.#displayed = { stored: this.#stored, pending, day: this.#stored && withPunches(this.#stored, this.#pendingPunches()) };
    }
    return this.#displayed.day;
  }

  #pendingPunches(): Punch[] {
    return this.outbox.pending.flatMap(({ payload }) => payload['entries']).filter(isPunch);
  }
}
