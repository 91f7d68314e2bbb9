/** Clients that components share. */
import type { ClientError, Store } from '@tickcast/client';

/** What the clients of all systems have in common. */
export interface Client extends Store<unknown> {
  open(): void;
  close(): void;
  onError(listener: (error: ClientError) => void): () => void;
}

/** The state of a client. */
export type SnapshotOf<C extends Client> = ReturnType<C['getSnapshot']>;

/**
 * A client that is created when it is read first, and open while at least one component uses it. Rendering on a server
 * reads no client, so it creates none.
 */
export class RefCountedClient<C extends Client> implements Store<SnapshotOf<C>> {
  readonly #create: () => C;
  readonly #onUseChange: (isUsed: boolean) => void;
  #client: C | null = null;
  #users = 0;
  #isOpen = false;

  /** `onUseChange` is told when the client is opened and closed. */
  constructor(create: () => C, onUseChange: (isUsed: boolean) => void = () => {}) {
    this.#create = create;
    this.#onUseChange = onUseChange;
  }

  get client(): C {
    return (this.#client ??= this.#create());
  }

  readonly getSnapshot = (): SnapshotOf<C> => this.client.getSnapshot() as SnapshotOf<C>;

  readonly subscribe = (listener: () => void): (() => void) => this.client.subscribe(listener);

  /** Counts a component until the returned function is called. */
  acquire(): () => void {
    this.#users += 1;
    if (!this.#isOpen) {
      this.#isOpen = true;
      this.#onUseChange(true);
      this.client.open();
    }
    let isReleased = false;
    return () => {
      if (isReleased) return;
      isReleased = true;
      this.#users -= 1;
      // Another component can follow at once: StrictMode mounts each twice, and a route replaces another.
      queueMicrotask(() => this.#closeIfUnused());
    };
  }

  #closeIfUnused() {
    if (this.#users > 0 || !this.#isOpen) return;
    this.#isOpen = false;
    this.client.close();
    this.#onUseChange(false);
  }
}
