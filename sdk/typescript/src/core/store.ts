/** The state of a client, in the form that frameworks subscribe to. */

/** A value that changes; React's `useSyncExternalStore` and the stores of other frameworks take it as it is. */
export interface Store<T> {
  /** Returns the current value. It is immutable, and the same object until something changes. */
  getSnapshot(): T;
  /** Calls `listener` after each change; returns a function that ends it. */
  subscribe(listener: () => void): () => void;
}

/** Functions that are called with each value of a kind. */
export class Listeners<T> {
  readonly #listeners = new Set<(value: T) => void>();

  /** Adds a listener; returns a function that removes it. The same function may be added twice. */
  add(listener: (value: T) => void): () => void {
    const added = (value: T) => listener(value);
    this.#listeners.add(added);
    return () => this.#listeners.delete(added);
  }

  /** Calls all listeners. An error in one of them is reported to the environment, and affects nothing else. */
  notify(value: T): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(value);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}

/** A store whose value its owner sets. */
export class StateStore<T extends object> implements Store<T> {
  readonly #listeners = new Listeners<void>();
  #value: T;

  constructor(initial: T) {
    this.#value = initial;
  }

  readonly getSnapshot = (): T => this.#value;

  readonly subscribe = (listener: () => void): (() => void) => this.#listeners.add(listener);

  /** Replaces the value and calls the listeners, if a field differs. */
  set(value: T): void {
    const fields = Object.keys(value) as (keyof T)[];
    if (fields.every((field) => Object.is(value[field], this.#value[field]))) return;
    this.#value = value;
    this.#listeners.notify();
  }
}
