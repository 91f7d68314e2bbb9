/** The client of one member of an organisation: the entries of all members that run, and calls of procedures. */
import { CommandClient } from '../core/command-client.js';
import { httpUrl } from '../core/endpoint.js';
import { httpTime } from '../core/http-time.js';
import { LocalTicker } from '../core/local-ticker.js';
import { Reloader } from '../core/reloader.js';
import { socketIoDial } from '../core/socket-io-link.js';
import { Listeners } from '../core/store.js';
import { mutate, query } from './calls.js';
import { EntryDisplay } from './display.js';
import { asJson } from './input.js';
import { INITIAL_MODEL, isIncomplete, putAll, putEntry, reduce } from './model.js';
import { isEntryList, isTaskType, isTaskTypes, isTimeEntry, parseStudioEvent } from './protocol.js';
import { RecentMessages } from './recent-messages.js';
/** A start or a stop takes effect when it arrives: one that waits for longer would record a wrong time. */
const QUEUED_MAX_MS = 120_000;
/** The server remembers the id of a call for five minutes. */
const LIMITS = { resendWindowMs: 240_000, queuedMaxMs: QUEUED_MAX_MS, attemptsMax: 5 };
/** Events reach the sockets of all nodes within 200 ms; a node that stops may take longer. */
const EVENT_OVERLAP_MS = 1_000;
/** See the module. Nothing happens before `open`. */
export class StudioClient extends CommandClient {
    dial;
    requestTime;
    #options;
    #events = new Listeners();
    #recent = new RecentMessages(() => this.platform.now());
    #reloader = new Reloader(this.platform, () => this.#load());
    #display = new EntryDisplay();
    #ticker = new LocalTicker(this.platform, this.clock, () => this.publish());
    #model = INITIAL_MODEL;
    #taskTypes = [];
    #loaded = false;
    #loadError = null;
    /** Whether the entries were loaded on this connection. */
    #isCurrent = false;
    constructor(options) {
        super('studio', options, LIMITS);
        this.#options = options;
        this.requestTime = httpTime(options.url, options.fetch);
        const url = httpUrl(options.url, 'socket.io/');
        this.dial = socketIoDial(options.io, async () => ({ url, identity: await this.credentials.present() }));
    }
    /** Connects, and takes over commands that earlier pages have left in the storage. */
    open() {
        this.outbox.setOnline(true);
        super.open();
        this.#ticker.setRunning(true);
    }
    /** Disconnects. Commands that are stored wait for the next client with this storage; others fail with `closed`, and so do new ones. */
    close() {
        this.#ticker.setRunning(false);
        super.close();
    }
    /** Calls `listener` with each event of the organisation, those of this client's own commands too. */
    onEvent(listener) {
        return this.#events.add(listener);
    }
    /** Loads the entries that run and the task types again, for example after another page has changed a type. */
    reload() {
        if (this.isOnline)
            this.#reloader.request();
    }
    /** Starts an entry of exactly one session, project or track. */
    start(entry) {
        return this.#submit('timeTracking.timer.start', entry);
    }
    stop(timeEntryId) {
        return this.#submit('timeTracking.timer.stop', { timeEntryId });
    }
    /** Corrects an entry, running or finished. */
    adjust(adjustment) {
        return this.#submit('timeTracking.timeEntries.adjust', asJson(adjustment));
    }
    createTaskType(taskType) {
        return this.#submit('timeTracking.taskTypes.create', taskType);
    }
    updateTaskType(id, data) {
        return this.#submit('timeTracking.taskTypes.update', { id, data });
    }
    /** Returns entries by their start, newest first, and the sums over all that match: all of them without a `limit`. */
    entries(filter = {}) {
        return query(this.#options, 'timeTracking.timeEntries.list', asJson(filter), isEntryList);
    }
    /** Returns the entry of a session, project or track that runs, with its notes, or null. */
    activeEntry(target) {
        const isValid = (result) => result === null || isTimeEntry(result);
        return query(this.#options, 'timeTracking.timer.getActive', target, isValid);
    }
    isHandshake({ type }) {
        return type === 'connect';
    }
    isTick() {
        return false;
    }
    expectsTicks() {
        return false;
    }
    /** Both links of a handover deliver events for a while, so that none is missed that one of them delivers late. */
    overlapMs() {
        return EVENT_OVERLAP_MS;
    }
    countsAfterHandover(message) {
        return parseStudioEvent(message) !== null;
    }
    /** Socket.IO itself notices a link without pings. */
    allowsSilence() {
        return true;
    }
    sendCommand(command) {
        void this.#call(command);
        return true;
    }
    receive(message) {
        const event = parseStudioEvent(message);
        if (message.type === 'error')
            this.reportServerError(message, 'UNAVAILABLE');
        if (!event || !this.#recent.add(message))
            return;
        const needsReload = isIncomplete(this.#model, event, this.clock.now());
        this.#model = reduce(this.#model, event);
        if (needsReload)
            this.reload();
        this.publish();
        this.#events.notify(event);
    }
    /** Events before a connection are not sent, nor those between two connections. */
    handleOnline() {
        this.#reloader.request();
    }
    handleOffline() {
        this.#isCurrent = false;
        this.#reloader.cancel();
    }
    maintain() {
        super.maintain();
        this.syncClock();
    }
    describe() {
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
    #submit(path, input) {
        return this.outbox.submit(path, { ...input });
    }
    async #call(command) {
        const isOfTypes = command.type.startsWith('timeTracking.taskTypes.');
        const answer = await mutate(this.#options, command, isOfTypes ? isTaskType : isTimeEntry);
        if (answer.ok)
            this.#apply(answer.value.value);
        this.outbox.settle(answer);
    }
    /** Displays what a command has written. No event tells of a changed type. */
    #apply(written) {
        if ('taskTypeId' in written) {
            const taskType = this.#taskTypes.find(({ id }) => id === written.taskTypeId) ?? null;
            this.#model = putEntry(this.#model, written, taskType);
        }
        else {
            const others = this.#taskTypes.filter(({ id }) => id !== written.id);
            this.#taskTypes = [...others, written].sort((a, b) => a.sortOrder - b.sortOrder || a.id - b.id);
            this.reload();
        }
        this.publish();
    }
    async #load() {
        const before = this.#model;
        const [types, running] = await Promise.all([
            query(this.#options, 'timeTracking.taskTypes.list', { includeInactive: true }, isTaskTypes),
            query(this.#options, 'timeTracking.timeEntries.list', { isRunning: true }, isEntryList),
        ]);
        if (types.ok)
            this.#taskTypes = types.value;
        if (running.ok)
            this.#model = putAll(this.#model, running.value.entries, before);
        const error = types.ok ? (running.ok ? null : running.error) : types.error;
        if (error && error.status !== this.#loadError?.status)
            this.errors.notify(error);
        this.#loadError = error;
        this.#loaded ||= error === null;
        this.#isCurrent = this.isOnline && (this.#isCurrent || error === null);
        this.publish();
        return error === null;
    }
}
