/** Browsers run the timers of a hidden page once a minute. */
const LEASE_MS = 150_000;
const RENEW_MS = 20_000;
/** Returns the storage of a client's commands for a system; nothing is stored if the user has no name. */
export function outboxStorage(system, { storage, account, credential }, platform) {
    const name = account ?? (credential && 'userId' in credential ? credential.userId : undefined);
    return new OutboxStorage(name === undefined ? null : (storage ?? null), `tickcast.${system}.${name}`, platform);
}
/** The commands of one page in the storage. */
export class OutboxStorage {
    #storage;
    #platform;
    #prefix;
    #key;
    #commands = [];
    #writtenAt = -Infinity;
    /** The name that all pages with this storage give to the server, which counts command ids for each client. */
    clientId;
    /** Whether the last commands were stored. */
    isStored = false;
    /** `prefix` must differ between the users of a browser: commands are sent as the user of the connection. */
    constructor(storage, prefix, platform) {
        this.#storage = storage;
        this.#platform = platform;
        this.#prefix = `${prefix}.outbox.`;
        this.#key = this.#newKey();
        this.clientId = this.#sharedClientId(`${prefix}.client`);
    }
    /** Removes and returns the commands of pages that have gone, and those that another client sent as `foreign`. */
    adopt() {
        const adopted = { commands: [], foreign: [] };
        for (const key of this.#keys()) {
            const record = parseRecord(this.#read(key));
            if (record && this.#isAlive(record))
                continue;
            // A record that cannot be removed would be adopted again and again.
            if (!this.#attempt((storage) => (storage.removeItem(key), true)))
                continue;
            for (const stored of record?.commands ?? []) {
                const isForeign = stored.firstSentAt !== null && record.clientId !== this.clientId;
                (isForeign ? adopted.foreign : adopted.commands).push(stored);
            }
        }
        for (const list of Object.values(adopted))
            list.sort((a, b) => a.createdAt - b.createdAt);
        return adopted;
    }
    save(commands) {
        this.#commands = commands;
        this.#write(this.#platform.now());
    }
    /** Extends the lease. Runs about once a second. */
    renew() {
        const ageMs = this.#platform.now() - this.#writtenAt;
        if (this.#commands.length > 0 && (ageMs < 0 || ageMs >= RENEW_MS))
            this.#write(this.#platform.now());
    }
    /** Lets another page, or the reloaded one, adopt the commands at once. */
    release() {
        if (this.isStored && !this.wasAdopted())
            this.#write(0);
    }
    /** Leaves the commands to the page that adopts them first: another one, or this one when it is opened again. */
    leave() {
        this.release();
        this.#key = this.#newKey();
        this.#commands = [];
        this.isStored = false;
    }
    /** Returns whether another page has taken over the commands, because this one was frozen or left. */
    wasAdopted() {
        return this.isStored && this.#attempt((storage) => storage.getItem(this.#key) === null) === true;
    }
    #newKey() {
        return this.#prefix + this.#platform.randomId();
    }
    #write(aliveAt) {
        this.#writtenAt = aliveAt;
        const { clientId } = this;
        const record = { clientId, aliveAt, commands: [...this.#commands] };
        const isEmpty = this.#commands.length === 0;
        const written = this.#attempt((storage) => {
            if (isEmpty)
                storage.removeItem(this.#key);
            else
                storage.setItem(this.#key, JSON.stringify(record));
            return true;
        });
        // An older record would bring back commands that have been answered since.
        if (!written)
            this.#attempt((storage) => storage.removeItem(this.#key));
        this.isStored = written === true && !isEmpty;
    }
    #isAlive({ aliveAt }) {
        return aliveAt !== 0 && Math.abs(this.#platform.now() - aliveAt) < LEASE_MS;
    }
    #sharedClientId(key) {
        const known = this.#read(key);
        if (known && /^[0-9a-zA-Z-]{16,64}$/.test(known))
            return known;
        const created = this.#platform.randomId();
        this.#attempt((storage) => storage.setItem(key, created));
        // Of two pages that open at the same time, one name stays in the storage.
        return this.#read(key) ?? created;
    }
    #keys() {
        const keys = this.#attempt((storage) => Array.from({ length: storage.length }, (_, index) => storage.key(index)));
        return (keys ?? []).filter((key) => key !== null && key.startsWith(this.#prefix) && key !== this.#key);
    }
    #read(key) {
        return this.#attempt((storage) => storage.getItem(key)) ?? null;
    }
    /** Storage access may throw; a failed access counts as empty storage. */
    #attempt(run) {
        try {
            return this.#storage ? run(this.#storage) : undefined;
        }
        catch {
            return undefined;
        }
    }
}
function parseRecord(text) {
    try {
        const { clientId, aliveAt, commands } = JSON.parse(text ?? '');
        if (typeof aliveAt !== 'number' || !Array.isArray(commands))
            return null;
        return { clientId, aliveAt, commands: commands.filter(isStoredCommand) };
    }
    catch {
        return null;
    }
}
function isStoredCommand(value) {
    const { command, createdAt, firstSentAt } = (value ?? {});
    return (typeof command?.id === 'string' &&
        typeof command.type === 'string' &&
        typeof command.payload === 'object' &&
        command.payload !== null &&
        typeof createdAt === 'number' &&
        (firstSentAt === null || typeof firstSentAt === 'number'));
}
