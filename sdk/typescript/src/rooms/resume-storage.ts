/** The secrets of memberships, in a storage of one tab. Without one, a client keeps its own in memory. */
import type { KeyValueStorage } from '../core/outbox-storage.js';

const keyOf = (roomId: string) => `tickcast.resume.${roomId}`;

/** See the module. */
export class ResumeStorage {
  readonly #storage: KeyValueStorage | null;

  constructor(storage: KeyValueStorage | null | undefined) {
    this.#storage = storage ?? null;
  }

  load(roomId: string): string | undefined {
    return this.#attempt((storage) => storage.getItem(keyOf(roomId))) ?? undefined;
  }

  save(roomId: string, secret: string): void {
    this.#attempt((storage) => storage.setItem(keyOf(roomId), secret));
  }

  remove(roomId: string): void {
    this.#attempt((storage) => storage.removeItem(keyOf(roomId)));
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
