/**
 * Holds commands until the server answers them. Sends one at a time, in the order of submission, so that a repeated
 * pause never overtakes the resume that follows it. A command keeps its id in all attempts, and the server carries out
 * each id of a client once, on whichever connection the client repeats it.
 */
import { backoff } from './backoff.js';
import { RETRY_AFTER_MAX_MS } from './close-policy.js';
/** More commands than a user submits on purpose while offline. */
const LIMIT = 20;
/** The server's own limit; it would close the connection over a larger message. */
const MESSAGE_BYTES_MAX = 64 * 1024;
/** The server fails a command after 5 s and reports it; a longer silence means that the answer was lost. */
const RESPONSE_TIMEOUT_MS = 10_000;
/** A local clock that was set back by more could hide that the server has forgotten an id. */
const SET_BACK_MAX_MS = 60_000;
const RETRY = { baseMs: 1_000, capMs: 8_000 };
const LIMITS = {
    // The server remembers an id for 5 minutes. An older command could be carried out twice.
    resendWindowMs: 240_000,
    // Nobody expects a timer to start by a command of the day before.
    queuedMaxMs: 24 * 3_600_000,
    attemptsMax: 5,
};
/** See the module. */
export class Outbox {
    #options;
    #limits;
    #platform;
    #entries = [];
    #pending = [];
    #online = false;
    #isClosed = false;
    #timer = null;
    #inFlight = false;
    constructor(options) {
        this.#options = options;
        this.#limits = options.limits ?? LIMITS;
        this.#platform = options.platform;
    }
    /** The commands without an answer, oldest first; the same array until that changes. */
    get pending() {
        return this.#pending;
    }
    /** Whether the outbox was closed and has adopted no commands since. Before that, commands wait. */
    get isClosed() {
        return this.#isClosed;
    }
    /** Takes over the commands of pages that have gone. */
    adopt() {
        this.#isClosed = false;
        const { commands, foreign } = this.#options.storage.adopt();
        for (const stored of foreign)
            this.#report(stored.command, 'outcome_unknown');
        if (commands.length === 0)
            return;
        const known = new Set(this.#entries.map(({ command }) => command.id));
        const added = commands.filter(({ command }) => !known.has(command.id));
        for (const { command, createdAt, firstSentAt } of added) {
            this.#entries.push({ command, createdAt, firstSentAt, attempts: 0, resolve: () => { } });
        }
        this.#handleChange();
        this.#sendNext();
    }
    /** Queues a command. The promise is always resolved, also with an error. */
    submit(type, payload) {
        const command = { type, id: this.#platform.randomId(), payload };
        const code = this.#rejectionCode(command);
        if (code)
            return Promise.resolve({ ok: false, error: this.#report(command, code) });
        return new Promise((resolve) => {
            this.#entries.push({ command, createdAt: this.#platform.now(), firstSentAt: null, attempts: 0, resolve });
            this.#handleChange();
            this.#sendNext();
        });
    }
    setOnline(online) {
        this.#online = online;
        this.#clearInFlight();
        this.#sendNext();
    }
    /** Processes an answer. An answer to any command but the current one is a repetition and is ignored. */
    settle(answer) {
        const head = this.#entries[0];
        if (!head || head.command.id !== answer.id)
            return;
        if (answer.ok)
            this.#finish({ ok: true, ...answer.value });
        else if (answer.retry)
            this.#retryLater(head, answer);
        else
            this.#fail(answer.code, answer.message);
    }
    /** Fails the command that is in flight, if there is one. */
    failCurrent(code) {
        if (this.#inFlight)
            this.#fail(code);
    }
    /** Keeps the lease of stored commands, and drops those that another page has taken over. Runs about once a second. */
    maintain() {
        this.#dropAdopted();
        this.#options.storage.renew();
    }
    /** Ends the outbox, until it adopts commands again: those that are stored stay. */
    close() {
        this.#isClosed = true;
        this.setOnline(false);
        const { isStored } = this.#options.storage;
        this.#options.storage.leave();
        const entries = this.#entries.splice(0);
        if (entries.length > 0)
            this.#pending = [];
        for (const { command, resolve } of entries)
            resolve({ ok: false, error: describe(command, isStored ? 'adopted' : 'closed') });
    }
    #rejectionCode(command) {
        if (this.#isClosed)
            return 'closed';
        if (this.#entries.length >= LIMIT)
            return 'queue_full';
        const bytes = new TextEncoder().encode(JSON.stringify(command)).length;
        return bytes > MESSAGE_BYTES_MAX ? 'too_large' : null;
    }
    #sendNext() {
        if (!this.#online || this.#timer !== null)
            return;
        this.#dropAdopted();
        const head = this.#entries[0];
        if (!head)
            return;
        const now = this.#platform.now();
        if (mayBeForgotten(head.firstSentAt, now, this.#limits.resendWindowMs))
            return this.#fail('outcome_unknown');
        if (now - head.createdAt > this.#limits.queuedMaxMs)
            return this.#fail('expired');
        // Stored before it is sent: a page that is left in between must not send it as a new one much later.
        const isFirst = head.firstSentAt === null;
        head.firstSentAt ??= now;
        if (isFirst)
            this.#save();
        if (!this.#options.send(head.command)) {
            if (isFirst) {
                head.firstSentAt = null;
                this.#save();
            }
            return;
        }
        this.#inFlight = true;
        this.#timer = this.#platform.setTimeout(() => this.#handleTimeout(head), this.#limits.responseTimeoutMs ?? RESPONSE_TIMEOUT_MS);
    }
    #handleTimeout(head) {
        this.#options.onTimeout();
        if (this.#online)
            this.#retryLater(head, { code: 'no_answer' });
    }
    #retryLater(head, { code, message, retryAfterMs = 0 }) {
        this.#clearInFlight();
        head.attempts += 1;
        if (head.attempts >= this.#limits.attemptsMax)
            return this.#fail(code, message);
        const delay = Math.min(retryAfterMs, RETRY_AFTER_MAX_MS) + backoff(head.attempts, RETRY, () => this.#platform.random());
        this.#timer = this.#platform.setTimeout(() => {
            this.#clearInFlight();
            this.#sendNext();
        }, delay);
    }
    #fail(code, message) {
        this.#finish({ ok: false, error: this.#report(this.#entries[0].command, code, message) });
    }
    #finish(result) {
        this.#clearInFlight();
        const entry = this.#entries.shift();
        this.#handleChange();
        entry?.resolve(result);
        this.#sendNext();
    }
    #report(command, code, message) {
        const error = describe(command, code, message);
        this.#options.onError(error);
        return error;
    }
    #dropAdopted() {
        if (this.#entries.length === 0 || !this.#options.storage.wasAdopted())
            return;
        this.#clearInFlight();
        for (const { command, resolve } of this.#entries.splice(0))
            resolve({ ok: false, error: describe(command, 'adopted') });
        this.#handleChange();
    }
    #handleChange() {
        this.#pending = this.#entries.map(({ command }) => command);
        this.#save();
        this.#options.onChange();
    }
    #save() {
        this.#options.storage.save(this.#entries.map(({ command, createdAt, firstSentAt }) => ({ command, createdAt, firstSentAt })));
    }
    #clearInFlight() {
        this.#platform.clearTimeout(this.#timer);
        this.#timer = null;
        this.#inFlight = false;
    }
}
function mayBeForgotten(firstSentAt, now, windowMs) {
    if (firstSentAt === null)
        return false;
    const ageMs = now - firstSentAt;
    return ageMs > windowMs || ageMs < -SET_BACK_MAX_MS;
}
const MESSAGES = {
    queue_full: 'too many commands wait for the connection',
    too_large: 'the command is larger than the server accepts',
    no_answer: 'the server did not answer',
    outcome_unknown: 'the server may or may not have carried out the command',
    expired: 'the command has waited for too long',
    adopted: 'another page sends the command',
    closed: 'the client is closed',
};
function describe(command, code, message) {
    return { kind: 'command', code, message: message || (MESSAGES[code] ?? code), command };
}
