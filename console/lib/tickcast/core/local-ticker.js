/** Calls a function at each whole second of the server's time. */
export class LocalTicker {
    #platform;
    #clock;
    #onBeat;
    #timer = null;
    #running = false;
    constructor(platform, clock, onBeat) {
        this.#platform = platform;
        this.#clock = clock;
        this.#onBeat = onBeat;
    }
    /** Starts or stops the calls. */
    setRunning(running) {
        if (running === this.#running)
            return;
        this.#running = running;
        this.#platform.clearTimeout(this.#timer);
        if (running)
            this.#schedule();
    }
    #schedule() {
        const now = this.#clock.now();
        this.#timer = this.#platform.setTimeout(() => {
            this.#onBeat(Math.floor(this.#clock.now() / 1000) * 1000);
            if (this.#running)
                this.#schedule();
        }, 1000 - (((now % 1000) + 1000) % 1000));
    }
}
