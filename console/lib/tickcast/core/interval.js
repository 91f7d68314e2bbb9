/** Calls a function every `ms` milliseconds, the first time after that long. */
export class Interval {
    #platform;
    #ms;
    #run;
    #timer = null;
    constructor(platform, ms, run) {
        this.#platform = platform;
        this.#ms = ms;
        this.#run = run;
    }
    /** Starts the calls, or starts them again. */
    start() {
        this.stop();
        this.#timer = this.#platform.setTimeout(() => {
            this.start();
            this.#run();
        }, this.#ms);
    }
    stop() {
        this.#platform.clearTimeout(this.#timer);
    }
}
