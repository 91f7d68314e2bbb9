/** Work that is repeated at an interval. */
import type { Platform, Timer } from './platform.js';

/** Calls a function every `ms` milliseconds, the first time after that long. */
export class Interval {
  readonly #platform: Platform;
  readonly #ms: number;
  readonly #run: () => void;
  #timer: Timer = null;

  constructor(platform: Platform, ms: number, run: () => void) {
    this.#platform = platform;
    this.#ms = ms;
    this.#run = run;
  }

  /** Starts the calls, or starts them again. */
  start(): void {
    this.stop();
    this.#timer = this.#platform.setTimeout(() => {
      this.start();
      this.#run();
    }, this.#ms);
  }

  stop(): void {
    this.#platform.clearTimeout(this.#timer);
  }
}
