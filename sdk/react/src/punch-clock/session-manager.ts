/** A person's working day as a page edits it: what the server has, and the changes that are not saved yet. */
import { backoff, defaultPlatform, isTemporary, StateStore, type BackoffBounds, type ClientError, type Platform, type Timer } from '@tickcast/client';
import { PunchClockClient, type DayChanges, type PunchStored, type WorkDay } from '@tickcast/client/punch-clock';
import type { Client } from '../ref-counted-client.js';
import type { ClientOptions } from '../options.js';
import { onVisibilityChange } from './page-visibility.js';
import { SecondClock } from './second-clock.js';

/** A person's day, by the name that the hooks have for it. */
export type UserSession = WorkDay;

/** What `useSessionManager` returns of the day. */
export interface SessionState {
  /** The day with the changes that are not saved yet; null before it is loaded. An error does not hide it. */
  readonly sessionData: UserSession | null;
  readonly isLoading: boolean;
  /** Why the day cannot be loaded, or why the last change was not saved. */
  readonly error: string | null;
}

/** Changes are saved this long after the last one. */
const SAVE_DELAY_MS = 2_000;

const RETRY: BackoffBounds = { baseMs: 2_000, capMs: 30_000 };

/** How often the day is requested while no WebSocket is open, for example because a proxy blocks it, or a request has failed. */
const POLL_MS = 30_000;

const INITIAL: SessionState = { sessionData: null, isLoading: true, error: null };

/** See the module. */
export class SessionManager implements Client {
  readonly #client: PunchClockClient;
  readonly #platform: Platform;
  readonly #store = new StateStore<SessionState>(INITIAL);
  /** What the user has changed since the last save. */
  #unsaved: DayChanges = {};
  /** Derived fields that the page displays until the server's next document. */
  #displayed: { readonly day: WorkDay | null; readonly fields: Partial<UserSession> } = { day: null, fields: {} };
  #merged: { day: WorkDay | null; unsaved: DayChanges; fields: object; result: UserSession | null } = { day: null, unsaved: {}, fields: {}, result: null };
  #error: string | null = null;
  #saving: Promise<void> = Promise.resolve();
  #saveTimer: Timer = null;
  #pollTimer: Timer = null;
  #failures = 0;
  #wasOnline = false;
  /** Whether the last request for the day has failed. */
  #isRefetchDue = false;
  #isOpen = false;
  #stopListening = () => {};

  /** The seconds of the server's time. */
  readonly clock: SecondClock;

  constructor(options: ClientOptions) {
    this.#platform = { ...defaultPlatform, ...options.platform };
    this.#client = new PunchClockClient(options);
    this.clock = new SecondClock(this.#platform, () => this.#client.serverNow());
    this.#client.subscribe(() => this.#handleClientState());
    this.#client.onError((error) => this.#handleClientError(error));
  }

  readonly getSnapshot = (): SessionState => this.#store.getSnapshot();

  readonly subscribe = (listener: () => void): (() => void) => this.#store.subscribe(listener);

  onError(listener: (error: ClientError) => void): () => void {
    return this.#client.onError(listener);
  }

  open(): void {
    const stops = [
      onVisibilityChange((isVisible) => void (isVisible ? this.refetchSession() : this.#flush())),
      this.#platform.onHide(() => this.#saveOnLeave()),
    ];
    this.#stopListening = () => stops.forEach((stop) => stop());
    this.#isOpen = true;
    this.#client.open();
    this.#poll();
    if (this.#hasUnsaved) this.#saveIn(SAVE_DELAY_MS);
  }

  /** Ends the connection. What is not saved is sent. */
  close(): void {
    this.#isOpen = false;
    this.#stopListening();
    this.#saveOnLeave();
    this.#platform.clearTimeout(this.#saveTimer);
    this.#platform.clearTimeout(this.#pollTimer);
    this.#client.close();
  }

  /** Displays changes at once. New entries are stored at once, and other changes 2 s after the last one. */
  readonly updateSessionData = (updates: Partial<UserSession>): void => {
    const { entries = [], dailyStats, ...others } = updates;
    const { day } = this.#client.getSnapshot();
    const known = new Set(day?.entries.map(({ id }) => id));
    const added = entries.filter((entry) => !known.has(entry?.id));
    for (const entry of added) void this.#client.punch(entry);
    // The status follows from the punches, also if another device has made one in between.
    const { currentStatus: _, sessionStartTime: __, ...independent } = others;
    const changes = this.#differing(added.length > 0 ? independent : others);
    this.#displayed = { day: this.#client.getSnapshot().day, fields: { ...this.#displayed.fields, ...(dailyStats ? { dailyStats } : {}) } };
    if (Object.keys(changes).length > 0) {
      this.#unsaved = { ...this.#unsaved, updatedAt: day?.updatedAt ?? new Date(this.clock.now()).toISOString(), ...changes };
      this.#saveIn(SAVE_DELAY_MS);
    }
    this.#publish();
  };

  /** Saves the changes of the page now, with those that are passed. */
  readonly saveSessionData = (updates: Partial<UserSession> = {}): Promise<void> => {
    this.updateSessionData(updates);
    return this.#flush();
  };

  /** Requests the day from the server. */
  readonly refetchSession = async (): Promise<void> => {
    const result = await this.#client.refresh();
    this.#isRefetchDue = !result.ok;
    this.#setError(result.ok ? null : result.error.message);
    // The login was renewed, for example in another tab.
    if (result.ok && this.#isOpen && this.#client.getSnapshot().connection.phase === 'refused') this.#client.retryNow();
  };

  /** Deletes the punches of the day, and keeps the theme. */
  readonly resetSession = async (): Promise<void> => {
    // A theme that was chosen before the reset outlives it.
    await this.#flush();
    const result = await this.#client.reset();
    if (result.ok) return this.refetchSession();
    this.#setError(result.error.message);
  };

  get #hasUnsaved(): boolean {
    return Object.keys(this.#unsaved).length > 0;
  }

  #saveIn(ms: number) {
    this.#platform.clearTimeout(this.#saveTimer);
    if (!this.#isOpen) return;
    this.#saveTimer = this.#platform.setTimeout(() => void this.#flush(), ms);
  }

  /** Saves after the request that is in progress. */
  #flush(): Promise<void> {
    this.#platform.clearTimeout(this.#saveTimer);
    return (this.#saving = this.#saving.then(() => this.#save()));
  }

  async #save() {
    const changes = this.#unsaved;
    if (!this.#hasUnsaved) return;
    const result = await this.#client.save(changes);
    if (!result.ok && isTemporary(result.error)) {
      this.#saveIn(backoff(this.#failures++, RETRY, () => this.#platform.random()));
    } else {
      this.#failures = 0;
      const remaining = Object.entries(this.#unsaved).filter(([field, value]) => changes[field as keyof DayChanges] !== value);
      this.#unsaved = Object.fromEntries(remaining);
    }
    this.#setError(result.ok ? reasonOf(result.value, changes) : result.error.message);
  }

  /** The page ends, or the component does: nobody waits for an answer. */
  #saveOnLeave() {
    const arePunchesSaved = this.#client.getSnapshot().pending.length === 0;
    if (this.#hasUnsaved || !arePunchesSaved) this.#client.saveOnLeave(this.#unsaved);
  }

  #poll() {
    if (this.#isRefetchDue || this.#client.getSnapshot().connection.phase !== 'online') void this.refetchSession();
    this.#pollTimer = this.#platform.setTimeout(() => this.#poll(), POLL_MS);
  }

  #handleClientState() {
    const isOnline = this.#client.getSnapshot().connection.phase === 'online';
    if (isOnline && !this.#wasOnline) {
      this.#error = null;
      if (this.#failures > 0) void this.#flush();
    }
    this.#wasOnline = isOnline;
    this.#publish();
  }

  #handleClientError(error: ClientError) {
    if (error.kind === 'command' || error.kind === 'token') this.#setError(error.message);
  }

  #setError(error: string | null) {
    this.#error = error;
    this.#publish();
  }

  /** Returns the fields that differ from what is displayed. */
  #differing(updates: Partial<UserSession>): DayChanges {
    const displayed = this.#day() as Readonly<Record<string, unknown>> | null;
    return Object.fromEntries(Object.entries(updates).filter(([field, value]) => !Object.is(value, displayed?.[field])));
  }

  #publish() {
    const { connection } = this.#client.getSnapshot();
    const sessionData = this.#day();
    const isUnreachable = connection.phase === 'refused' || (connection.phase === 'offline' && sessionData === null);
    const error = this.#error ?? (isUnreachable ? connection.error.message : null);
    this.#store.set({ sessionData, error, isLoading: sessionData === null && error === null });
  }

  /** The day with the changes of the page; the same object until one of them changes. */
  #day(): UserSession | null {
    const { day } = this.#client.getSnapshot();
    if (day !== this.#displayed.day) this.#displayed = { day, fields: {} };
    const { fields } = this.#displayed;
    if (day !== this.#merged.day || this.#unsaved !== this.#merged.unsaved || fields !== this.#merged.fields) {
      const { updatedAt: _, ...changes } = this.#unsaved;
      const isSame = Object.keys(changes).length + Object.keys(fields).length === 0;
      this.#merged = { day, unsaved: this.#unsaved, fields, result: day && !isSame ? { ...day, ...changes, ...fields } : day };
    }
    return this.#merged.result;
  }
}

/** Returns why the server has not taken a change, or null. */
function reasonOf({ ignored }: PunchStored, changes: DayChanges): string | null {
  const found = changes.currentTheme === undefined ? undefined : ignored.find(({ id }) => id === 'currentTheme');
  return found ? `currentTheme: ${found.reason}` : null;
}
