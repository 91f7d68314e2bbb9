/**
 * The current session and the statistics of a person, as the server last described them: they are loaded when they may have
 * changed without a message.
 */
import type { ClientError } from '../core/errors.js';
import type { HttpResult } from '../core/http.js';
import type { Platform } from '../core/platform.js';
import { INITIAL_MODEL, withSession, withTick, type FocusModel } from './model.js';
import { isOpen, type FocusSession, type FocusStats, type FocusTick } from './protocol.js';
import type { FocusRequests } from './requests.js';

/** The time between two requests while the session may have changed. */
const DOUBTFUL_MS = 3_000;

/** The longest time between two requests while they fail; it grows from `DOUBTFUL_MS`. */
const FAILING_MS = 48_000;

/** The time between two requests while nothing counts: no message tells that another device starts or resumes a session. */
const QUIET_MS = 60_000;

/** Ticks arrive this much early at most, by an estimate of the server's time that is this much late. */
const EARLY_MS = 200;

interface DocumentsOptions {
  readonly requests: FocusRequests;
  readonly platform: Platform;
  serverNow(): number;
  onChange(): void;
  onError(error: ClientError): void;
}

/** See the module. */
export class FocusDocuments {
  readonly #options: DocumentsOptions;
  #model = INITIAL_MODEL;
  #stats: FocusStats | null = null;
  #isLoaded = false;
  #refreshing: Promise<void> | null = null;
  #refreshedAt = -Infinity;
  #isDoubtful = false;
  /** Whether a request has failed since the last refresh began. */
  #hasFailed = false;
  /** The refreshes in a row that have failed. */
  #failedRefreshes = 0;
  #statsAreDue = true;
  /** The failures that were reported, by request. */
  readonly #failures = new Map<keyof FocusRequests, string>();

  constructor(options: DocumentsOptions) {
    this.#options = options;
  }

  get model(): FocusModel {
    return this.#model;
  }

  get stats(): FocusStats | null {
    return this.#stats;
  }

  /** Whether the server has told if there is a session. */
  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  /** Processes a document of the server, if it is about the current session, or is to become it. */
  apply(session: FocusSession, { isCurrent = session.id === this.#model.session?.id } = {}): void {
    if (isCurrent) this.#setModel(withSession(this.#model, session, this.#beatMs()));
  }

  /** Processes a tick of the current session. */
  applyTick(tick: FocusTick): void {
    // It precedes a pause, or follows a resumption by another device.
    if (this.#model.session?.status === 'paused') this.doubt();
    this.#setModel(withTick(this.#model, tick, this.#beatMs()));
  }

  /** Processes the start of a count, whose first second ends after the next whole second. */
  applyStart(): void {
    this.#setModel({ ...this.#model, beatMs: this.#beatMs() + 1_000 });
  }

  /** Processes the deletion of a session, whichever it is. */
  remove(sessionId: string): void {
    this.#statsAreDue = true;
    if (this.#model.session?.id === sessionId) this.#setModel(INITIAL_MODEL);
    void this.#loadStats();
  }

  /** Makes the next check load the session, because it may have changed. */
  doubt(): void {
    this.#isDoubtful = true;
  }

  /** Loads what may have changed. Runs about once a second while the connection is online. */
  maintain(isCounting: boolean): void {
    const sinceMs = this.#options.platform.now() - this.#refreshedAt;
    const intervalMs = this.#isDoubtful ? Math.min(FAILING_MS, DOUBTFUL_MS * 2 ** this.#failedRefreshes) : isCounting ? Infinity : QUIET_MS;
    if (sinceMs >= intervalMs || sinceMs < 0) void this.refresh();
  }

  /** Loads the current session, or the newest one if there is none that has not ended. */
  refresh(): Promise<void> {
    return (this.#refreshing ??= this.#load().finally(() => (this.#refreshing = null)));
  }

  async #load() {
    this.#refreshedAt = this.#options.platform.now();
    this.#failedRefreshes = this.#hasFailed ? this.#failedRefreshes + 1 : 0;
    this.#isDoubtful = this.#hasFailed = false;
    const { session } = this.#model;
    void this.#loadStats();
    await (session && isOpen(session) ? this.#loadCurrent(session.id) : this.#loadNewest());
  }

  async #loadCurrent(sessionId: string) {
    const result = await this.#options.requests.get(sessionId);
    if (result.ok) this.apply(result.value);
    else if (result.error.status === 404) this.remove(sessionId);
    this.#note('get', result);
  }

  /** A session that was created meanwhile is newer than the list. */
  async #loadNewest() {
    const before = this.#model.session?.id;
    const result = await this.#options.requests.list({ limit: 1 });
    const newest = result.ok ? result.value[0] : undefined;
    if (result.ok) this.#isLoaded = true;
    if (newest && before === this.#model.session?.id && (isOpen(newest) || newest.id === before)) this.apply(newest, { isCurrent: true });
    this.#note('list', result);
    this.#options.onChange();
  }

  async #loadStats() {
    if (!this.#statsAreDue) return;
    this.#statsAreDue = false;
    const result = await this.#options.requests.stats();
    if (result.ok) this.#stats = result.value;
    else this.#statsAreDue = true;
    this.#note('stats', result);
    this.#options.onChange();
  }

  /** What has failed is requested again, and reported once. A server that cannot be reached is the connection's matter. */
  #note(request: keyof FocusRequests, result: HttpResult<unknown>) {
    if (result.ok) return void this.#failures.delete(request);
    const { status, message } = result.error;
    if (status === 404) return;
    this.#isDoubtful = this.#hasFailed = true;
    if (status === 0 || message === this.#failures.get(request)) return;
    this.#failures.set(request, message);
    this.#options.onError(result.error);
  }

  #setModel(model: FocusModel) {
    const before = this.#model.session;
    this.#model = model;
    const hasEnded = model.session !== null && !isOpen(model.session);
    if (model.session !== null) this.#isLoaded = true;
    if (hasEnded && before?.id === model.session.id && isOpen(before)) {
      this.#statsAreDue = true;
      void this.#loadStats();
    }
    this.#options.onChange();
  }

  #beatMs(): number {
    return Math.floor((this.#options.serverNow() + EARLY_MS) / 1000) * 1000;
  }
}
