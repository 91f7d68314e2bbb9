/** Whole seconds of the server's time by the local clock, for displays that continue while no ticks arrive. */
import type { Platform, Timer } from './platform.js';
import type { ServerClock } from './server-clock.js';

/** Calls a function at each whole second of the server's time. */
export class LocalTicker {
  readonly #platform: Platform;
  readonly #clock: ServerClock;
  readonly #onBeat: (beatMs: number) => void;
  #timer: Timer = null;
  #running = false;

  constructor(platform: Platform, clock: ServerClock, onBeat: (beatMs: number) => void) {
    this.#platform = platform;
    this.#clock = clock;
    this.#onBeat = onBeat;
  }

  /** Starts or stops the calls. */
  setRunning(running: boolean): void {
    if (running === this.#running) return;
    this.#running = running;
    this.#platform.clearTimeout(this.#timer);
    if (running) this.#schedule();
  }

  #schedule() {
    const now = this.#clock.now();
    this.#timer = this.#platform.setTimeout(() => {
      this.#onBeat(Math.floor(this.#clock.now() / 1000) * 1000);
      if (this.#running) this.#schedule();
    }, 1000 - (((now % 1000) + 1000) % 1000));
  }
}
