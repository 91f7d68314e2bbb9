const RESPONSE_TIMEOUT_MS = 5_000;
/** Asks for the server's time; one request is in progress at a time. */
export class TimePings {
    #platform;
    #send;
    #pending = null;
    #count = 0;
    constructor(platform, send) {
        this.#platform = platform;
        this.#send = send;
    }
    /** Returns the server's time in the middle of the round trip. Rejects if there is no answer. */
    request = () => {
        const t0 = ++this.#count;
        this.cancel();
        if (!this.#send({ type: 'time-ping', t0 }))
            return Promise.reject(new Error('not connected'));
        return new Promise((resolve, reject) => {
            const timer = this.#platform.setTimeout(() => this.cancel(), RESPONSE_TIMEOUT_MS);
            this.#pending = { t0, timer, resolve, reject };
        });
    };
    /** Processes a message if it answers the request in progress; returns whether it does. */
    receive({ type, id, t0, t1, t2, ...message }) {
        const pending = this.#pending;
        if (!pending)
            return type === 'time-pong';
        if (type === 'time-pong' && t0 === pending.t0 && typeof t1 === 'number' && typeof t2 === 'number') {
            this.#take().resolve((t1 + t2) / 2);
            return true;
        }
        // The server does not know the time at present; it answers without naming the request.
        const isUncertain = type === 'error' && id === undefined && (message['payload'] ?? message).code === 'time_uncertain';
        if (isUncertain)
            this.cancel();
        return isUncertain;
    }
    /** Ends the request in progress without an answer. */
    cancel() {
        this.#take()?.reject(new Error('no answer'));
    }
    #take() {
        const pending = this.#pending;
        this.#pending = null;
        this.#platform.clearTimeout(pending?.timer);
        return pending;
    }
}
