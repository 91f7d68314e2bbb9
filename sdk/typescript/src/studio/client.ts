/** The client of one member of an organisation: the entries of all members that run, and calls of procedures. */
import { CommandClient, type CommandClientOptions, type PendingCommands } from '../core/command-client.js';
import type { ConnectionState } from '../core/connection.js';
import { httpUrl, type Credential } from '../core/endpoint.js';
import type { Command, HttpError } from '../core/errors.js';
import type { HttpResult } from '../core/http.js';
import { httpTime } from '../core/http-time.js';
import type { Dial, Message } from '../core/link.js';
import { LocalTicker } from '../core/local-ticker.js';
import type { CommandResult, OutboxLimits } from '../core/outbox.js';
import { Reloader } from '../core/reloader.js';
import { socketIoDial, type SocketIo } from '../core/socket-io-link.js';
import { Listeners } from '../core/store.js';
import type {
  NewTaskTypeInput,
  StudioProcedures,
  TaskType,
  TaskTypeChangeInput,
  TimeEntry,
  TimeEntryAdjustInput,
  TimeEntryList,
  TimeEntryListInput,
  TimeEntryTargetInput,
  TimerStartInput,
} from '../generated/messages.js';
import { mutate, query, type StudioResult } from './calls.js';
import { EntryDisplay, type RunningEntry } from './display.js';
import { asJson, type EntryAdjustment, type EntryFilter } from './input.js';
import { INITIAL_MODEL, isIncomplete, putAll, putEntry, reduce } from './model.js';
import { isEntryList, isTaskType, isTaskTypes, isTimeEntry, parseStudioEvent, type MutationPath, type StudioEvent } from './protocol.js';
import { RecentMessages } from './recent-messages.js';

/** A start or a stop takes effect when it arrives: one that waits for longer would record a wrong time. */
const QUEUED_MAX_MS = 120_000;

/** The server remembers the id of a call for five minutes. */
const LIMITS: OutboxLimits = { resendWindowMs: 240_000, queuedMaxMs: QUEUED_MAX_MS, attemptsMax: 5 };

/** Events reach the sockets of all nodes within 200 ms; a node that stops may take longer. */
const EVENT_OVERLAP_MS = 1_000;

/** The options of a `StudioClient`. */
export interface StudioOptions extends CommandClientOptions {
  /** The function `io` of the package `socket.io-client`. */
  readonly io: SocketIo;
  /** A token that names the organisation; without one, the browser's cookies authenticate the member. */
  readonly credential?: Extract<Credential, { token: unknown }>;
  /** The `fetch` of the environment by default. */
  readonly fetch?: typeof fetch;
}

/** What a client knows. It is immutable; another object replaces it after a change. */
export interface StudioSnapshot extends PendingCommands {
  readonly connection: ConnectionState;
  /** The entries of all members that run, by id, in the order of their creation. */
  readonly entries: ReadonlyMap<number, RunningEntry>;
  /** The task types by their place in lists, also those that are not active. */
  readonly taskTypes: readonly TaskType[];
  /** Whether entries and task types have been received at least once. */
  readonly loaded: boolean;
  /** Why they could not be loaded; the client tries again. */
  readonly loadError: HttpError | null;
  /** Whether the server would report changes of the entries, or their times continue by the local clock. */
  readonly times: 'live' | 'continued';
}

/** See the module. Nothing happens before `open`. */
export class StudioClient extends CommandClient<StudioSnapshot, StudioResult> {
  protected readonly dial: Dial;
  protected readonly requestTime: () => Promise<number>;
  readonly #options: StudioOptions;
  readonly #events = new Listeners<StudioEvent>();
  readonly #recent = new RecentMessages(() => this.platform.now());
  readonly #reloader = new Reloader(this.platform, () => this.#load());
  readonly #display = new EntryDisplay();
  readonly #ticker = new LocalTicker(this.platform, this.clock, () => this.publish());
  #model = INITIAL_MODEL;
  #taskTypes: readonly TaskType[] = [];
  #loaded = false;
  #loadError: HttpError | null = null;
  /** Whether the entries were loaded on this connection. */
  #isCurrent = false;

  constructor(options: StudioOptions) {
    super('studio', options, LIMITS);
    this.#options = options;
    this.requestTime = httpTime(options.url, options.fetch);
    const url = httpUrl(options.url, 'socket.io/');
    this.dial = socketIoDial(options.io, async () => ({ url, identity: await this.credentials.present() }));
  }

  /** Connects, and takes over commands that earlier pages have left in the storage. */
  override open(): void {
    this.outbox.setOnline(true);
    super.open();
    this.#ticker.setRunning(true);
  }

  /** Disconnects. Commands that are stored wait for the next client with this storage; others fail with `closed`, and so do new ones. */
  override close(): void {
    this.#ticker.setRunning(false);
    super.close();
  }

  /** Calls `listener` with each event of the organisation, those of this client's own commands too. */
  onEvent(listener: (event: StudioEvent) => void): () => void {
    return this.#events.add(listener);
  }

  /** Loads the entries that run and the task types again, for example after another page has changed a type. */
  reload(): void {
    if (this.isOnline) this.#reloader.request();
  }

  /** Starts an entry of exactly one session, project or track. */
  start(entry: TimerStartInput): Promise<CommandResult<{ readonly value: TimeEntry }>> {
    return this.#submit('timeTracking.timer.start', entry);
  }

  stop(timeEntryId: number): Promise<CommandResult<{ readonly value: TimeEntry }>> {
    return this.#submit('timeTracking.timer.stop', { timeEntryId });
  }

  /** Corrects an entry, running or finished. */
  adjust(adjustment: EntryAdjustment): Promise<CommandResult<{ readonly value: TimeEntry }>> {
    return this.#submit('timeTracking.timeEntries.adjust', asJson<TimeEntryAdjustInput>(adjustment));
  }

  createTaskType(taskType: NewTaskTypeInput): Promise<CommandResult<{ readonly value: TaskType }>> {
    return this.#submit('timeTracking.taskTypes.create', taskType);
  }

  updateTaskType(id: number, data: TaskTypeChangeInput): Promise<CommandResult<{ readonly value: TaskType }>> {
    return this.#submit('timeTracking.taskTypes.update', { id, data });
  }

  /** Returns entries by their start, newest first, and the sums over all that match: all of them without a `limit`. */
  entries(filter: EntryFilter = {}): Promise<HttpResult<TimeEntryList>> {
    return query(this.#options, 'timeTracking.timeEntries.list', asJson<TimeEntryListInput>(filter), isEntryList);
  }

  /** Returns the entry of a session, project or track that runs, with its notes, or null. */
  activeEntry(target: TimeEntryTargetInput): Promise<HttpResult<TimeEntry | null>> {
    const isValid = (result: unknown): result is TimeEntry | null => result === null || isTimeEntry(result);
    return query(this.#options, 'timeTracking.timer.getActive', target, isValid);
  }

  protected isHandshake({ type }: Message): boolean {
    return type === 'connect';
  }

  protected override isTick(): boolean {
    return false;
  }

  protected expectsTicks(): boolean {
    return false;
  }

  /** Both links of a handover deliver events for a while, so that none is missed that one of them delivers late. */
  protected override overlapMs(): number {
    return EVENT_OVERLAP_MS;
  }

  protected override countsAfterHandover(message: Message): boolean {
    return parseStudioEvent(message) !== null;
  }

  /** Socket.IO itself notices a link without pings. */
  protected override allowsSilence(): boolean {
    return true;
  }

  protected sendCommand(command: Command): boolean {
    void this.#call(command);
    return true;
  }

  protected receive(message: Message): void {
    const event = parseStudioEvent(message);
    if (message.type === 'error') this.reportServerError(message, 'UNAVAILABLE');
    if (!event || !this.#recent.add(message)) return;
    const needsReload = isIncomplete(this.#model, event, this.clock.now());
    this.#model = reduce(this.#model, event);
    if (needsReload) this.reload();
    this.publish();
    this.#events.notify(event);
  }

  /** Events before a connection are not sent, nor those between two connections. */
  protected override handleOnline(): void {
    this.#reloader.request();
  }

  protected override handleOffline(): void {
    this.#isCurrent = false;
    this.#reloader.cancel();
  }

  protected override maintain(): void {
    super.maintain();
    this.syncClock();
  }

  protected describe(): StudioSnapshot {
    return {
      connection: this.connection.state,
      entries: this.#display.at(Math.floor(this.clock.now() / 1000) * 1000, this.#model.entries),
      taskTypes: this.#taskTypes,
      loaded: this.#loaded,
      loadError: this.#loadError,
      times: this.isLive && this.#isCurrent ? 'live' : 'continued',
      ...this.describePending(),
    };
  }

  #submit<Path extends MutationPath>(path: Path, input: StudioProcedures[Path]['input']): Promise<CommandResult<{ readonly value: StudioProcedures[Path]['result'] }>> {
    return this.outbox.submit(path, { ...input }) as Promise<CommandResult<{ readonly value: StudioProcedures[Path]['result'] }>>;
  }

  async #call(command: Command) {
    const isOfTypes = command.type.startsWith('timeTracking.taskTypes.');
    const answer = await mutate(this.#options, command, isOfTypes ? isTaskType : isTimeEntry);
    if (answer.ok) this.#apply(answer.value.value);
    this.outbox.settle(answer);
  }

  /** Displays what a command has written. No event tells of a changed type. */
  #apply(written: StudioResult['value']) {
    if ('taskTypeId' in written) {
      const taskType = this.#taskTypes.find(({ id }) => id === written.taskTypeId) ?? null;
      this.#model = putEntry(this.#model, written, taskType);
    } else {
      const others = this.#taskTypes.filter(({ id }) => id !== written.id);
      this.#taskTypes = [...others, written].sort((a, b) => a.sortOrder - b.sortOrder || a.id - b.id);
      this.reload();
    }
    this.publish();
  }

  async #load(): Promise<boolean> {
    const before = this.#model;
    const [types, running] = await Promise.all([
      query(this.#options, 'timeTracking.taskTypes.list', { includeInactive: true }, isTaskTypes),
      query(this.#options, 'timeTracking.timeEntries.list', { isRunning: true }, isEntryList),
    ]);
    if (types.ok) this.#taskTypes = types.value;
    if (running.ok) this.#model = putAll(this.#model, running.value.entries, before);
    const error = types.ok ? (running.ok ? null : running.error) : types.error;
    if (error && error.status !== this.#loadError?.status) this.errors.notify(error);
    this.#loadError = error;
    this.#loaded ||= error === null;
    this.#isCurrent = this.isOnline && (this.#isCurrent || error === null);
    this.publish();
    return error === null;
  }
}
