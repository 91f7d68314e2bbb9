/**
 * Keeps the commands of a page in browser storage, so that they survive a reload. Pages of one browser share the
 * storage: each has a record of its own, under a lease, and adopts records whose page has gone. A full or forbidden
 * storage makes no difference to the page, except that its commands do not survive it.
 */
import type { Credential } from './endpoint.js';
import type { Command } from './errors.js';
import type { Platform } from './platform.js';

/** The part of the Web Storage API that the library uses. */
export interface KeyValueStorage {
  readonly length: number;
  key(index: number): string | null;
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** A command without an answer, and what decides whether it may be sent again. Times are local. */
export interface StoredCommand {
  readonly command: Command;
  readonly createdAt: number;
  readonly firstSentAt: number | null;
}

interface OutboxRecord {
  readonly clientId: string;
  /** When the page last said that it is there; 0 after it was left. */
  readonly aliveAt: number;
  readonly commands: StoredCommand[];
}

/** Browsers run the timers of a hidden page once a minute. */
const LEASE_MS = 150_000;

const RENEW_MS = 20_000;

/** Whose commands are stored, and where. */
export interface OutboxStorageOptions {
  readonly storage?: KeyValueStorage | null;
  readonly account?: string;
  readonly credential?: Credential;
}

/** Returns the storage of a client's commands for a system; nothing is stored if the user has no name. */
export function outboxStorage(system: string, { storage, account, credential }: OutboxStorageOptions, platform: Platform): OutboxStorage {
  const name = account ?? (credential && 'userId' in credential ? credential.userId : undefined);
  return new OutboxStorage(name === undefined ? null : (storage ?? null), `tickcast.${system}.${name}`, platform);
}

/** The commands of one page in the storage. */
export class OutboxStorage {
  readonly #storage: KeyValueStorage | null;
  readonly #platform: Platform;
  readonly #prefix: string;
  #key: string;
  #commands: readonly StoredCommand[] = [];
  #writtenAt = -Infinity;

  /** The name that all pages with this storage give to the server, which counts command ids for each client. */
  readonly clientId: string;
  /** Whether the last commands were stored. */
  isStored = false;

  /** `prefix` must differ between the users of a browser: commands are sent as the user of the connection. */
  constructor(storage: KeyValueStorage | null, prefix: string, platform: Platform) {
    this.#storage = storage;
    this.#platform = platform;
    this.#prefix = `${prefix}.outbox.`;
    this.#key = this.#newKey();
    this.clientId = this.#sharedClientId(`${prefix}.client`);
  }

  /** Removes and returns the commands of pages that have gone, and those that another client sent as `foreign`. */
  adopt(): { commands: StoredCommand[]; foreign: StoredCommand[] } {
    const adopted: { commands: StoredCommand[]; foreign: StoredCommand[] } = { commands: [], foreign: [] };
    for (const key of this.#keys()) {
      const record = parseRecord(this.#read(key));
      if (record && this.#isAlive(record)) continue;
      // A record that cannot be removed would be adopted again and again.
      if (!this.#attempt((storage) => (storage.removeItem(key), true))) continue;
      for (const stored of record?.commands ?? []) {
        const isForeign = stored.firstSentAt !== null && record!.clientId !== this.clientId;
        (isForeign ? adopted.foreign : adopted.commands).push(stored);
      }
    }
    for (const list of Object.values(adopted)) list.sort((a, b) => a.createdAt - b.createdAt);
    return adopted;
  }

  save(commands: readonly StoredCommand[]): void {
    this.#commands = commands;
    this.#write(this.#platform.now());
  }

  /** Extends the lease. Runs about once a second. */
  renew(): void {
    const ageMs = this.#platform.now() - this.#writtenAt;
    if (this.#commands.length > 0 && (ageMs < 0 || ageMs >= RENEW_MS)) this.#write(this.#platform.now());
  }

  /** Lets another page, or the reloaded one, adopt the commands at once. */
  release(): void {
    if (this.isStored && !this.wasAdopted()) this.#write(0);
  }

  /** Leaves the commands to the page that adopts them first: another one, or this one when it is opened again. */
  leave(): void {
    this.release();
    this.#key = this.#newKey();
    this.#commands = [];
    this.isStored = false;
  }

  /** Returns whether another page has taken over the commands, because this one was frozen or left. */
  wasAdopted(): boolean {
    return this.isStored && this.#attempt((storage) => storage.getItem(this.#key) === null) === true;
  }

  #newKey(): string {
    return this.#prefix + this.#platform.randomId();
  }

  #write(aliveAt: number) {
    this.#writtenAt = aliveAt;
    const { clientId } = this;
    const record: OutboxRecord = { clientId, aliveAt, commands: [...this.#commands] };
    const isEmpty = this.#commands.length === 0;
    const written = this.#attempt((storage) => {
      if (isEmpty) storage.removeItem(this.#key);
      else storage.setItem(this.#key, JSON.stringify(record));
      return true;
    });
    // An older record would bring back commands that have been answered since.
    if (!written) this.#attempt((storage) => storage.removeItem(this.#key));
    this.isStored = written === true && !isEmpty;
  }

  #isAlive({ aliveAt }: OutboxRecord): boolean {
    return aliveAt !== 0 && Math.abs(this.#platform.now() - aliveAt) < LEASE_MS;
  }

  #sharedClientId(key: string): string {
    const known = this.#read(key);
    if (known && /^[0-9a-zA-Z-]{16,64}$/.test(known)) return known;
    const created = this.#platform.randomId();
    this.#attempt((storage) => storage.setItem(key, created));
    // Of two pages that open at the same time, one name stays in the storage.
    return this.#read(key) ?? created;
  }

  #keys(): string[] {
    const keys = this.#attempt((storage) => Array.from({ length: storage.length }, (_, index) => storage.key(index)));
    return (keys ?? []).filter((key): key is string => key !== null && key.startsWith(this.#prefix) && key !== this.#key);
  }

  #read(key: string): string | null {
    return this.#attempt((storage) => storage.getItem(key)) ?? null;
  }

  /** Storage access may throw; a failed access counts as empty storage. */
  #attempt<T>(run: (storage: KeyValueStorage) => T): T | undefined {
    try {
      return this.#storage ? run(this.#storage) : undefined;
    } catch {
      return undefined;
    }
  }
}

function parseRecord(text: string | null): OutboxRecord | null {
  try {
    const { clientId, aliveAt, commands } = JSON.parse(text ?? '');
    if (typeof aliveAt !== 'number' || !Array.isArray(commands)) return null;
    return { clientId, aliveAt, commands: commands.filter(isStoredCommand) };
  } catch {
    return null;
  }
}

function isStoredCommand(value: unknown): value is StoredCommand {
  const { command, createdAt, firstSentAt } = (value ?? {}) as Partial<StoredCommand>;
  return (
    typeof command?.id === 'string' &&
    typeof command.type === 'string' &&
    typeof command.payload === 'object' &&
    command.payload !== null &&
    typeof createdAt === 'number' &&
    (firstSentAt === null || typeof firstSentAt === 'number')
  );
}
