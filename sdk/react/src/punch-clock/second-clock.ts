/** The seconds of a clock, for components that display each of them. */
import type { Platform, Store, Timer } from '@tickcast/client';

const SECOND_MS = 1_000;

/** A store of the last whole second, in milliseconds since 1970. It needs a timer only while it has listeners. */
export class SecondClock implements Store<number> {
  readonly #platform: Pick<Platform, 'setTimeout' | 'clearTimeout'>;
  readonly #listeners = new Set<() => void>();
  #second = 0;
  #timer: Timer = null;

  /** Returns the time of the clock, in milliseconds since 1970. */
  readonly now: () => number;

  constructor(platform: Pick<Platform, 'setTimeout' | 'clearTimeout'>, now: () => number) {
    this.#platform = platform;
    this.now = now;
  }

  /** The same value between two calls of the listeners, so that components of one page display one second. */
  readonly getSnapshot = (): number => (this.#listeners.size > 0 ? this.#second : this.#currentSecond());

  readonly subscribe = (listener: () => void): (() => void) => {
    const added = () => listener();
    this.#listeners.add(added);
    if (this.#listeners.size === 1) this.#schedule();
    return () => {
      this.#listeners.delete(added);
      if (this.#listeners.size === 0) this.#platform.clearTimeout(this.#timer);
    };
  };

  #schedule() {
    this.#second = this.#currentSecond();
    this.#timer = this.#platform.setTimeout(() => {
      this.#schedule();
      for (const listener of [...this.#listeners]) listener();
    }, SECOND_MS - (this.now() - this.#second));
  }

  #currentSecond(): number {
    return Math.floor(this.now() / SECOND_MS) * SECOND_MS;
  }
}
