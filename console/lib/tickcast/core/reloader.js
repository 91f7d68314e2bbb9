/** Loads something when that is asked for, once at a time, and repeats it until it succeeds. */
import { backoff } from './backoff.js';
const RETRY = { baseMs: 1_000, capMs: 30_000 };
/** See the module. */
export class Reloader {
    #platform;
    #load;
    /** Counts requests and their ends, so that a load that was begun before is repeated. */
    #generation = 0;
    #isWanted = false;
    #isLoading = false;
    #failures = 0;
    #timer = null;
    /** `load` returns whether it was successful, and does not reject. */
    constructor(platform, load) {
        this.#platform = platform;
        this.#load = load;
    }
    /** Loads, now or after the load in progress. */
    request() {
        this.#generation += 1;
        this.#isWanted = true;
        this.#failures = 0;
        void this.#run();
    }
    /** Ends the repetitions. */
    cancel() {
        this.#generation += 1;
        this.#isWanted = false;
        this.#platform.clearTimeout(this.#timer);
    }
    async #run() {
        this.#platform.clearTimeout(this.#timer);
        if (this.#isLoading)
            return;
        const generation = this.#generation;
        this.#isLoading = true;
        const isLoaded = await this.#load();
        this.#isLoading = false;
        if (!this.#isWanted)
            return;
        if (generation !== this.#generation)
            return this.#run();
        if (isLoaded)
            return;
        const delay = backoff(this.#failures++, RETRY, () => this.#platform.random());
        this.#timer = this.#platform.setTimeout(() => void this.#run(), delay);
    }
}
