/** What a client presents when it connects, whichever kind of credential it has. */
import { CLOSE } from './close-policy.js';
import { TokenRefresh } from './token-refresh.js';
/** The credential of one connection. */
export class Credentials {
    #credential;
    #refresh;
    #onError;
    constructor({ credential, errors, ...options }) {
        this.#credential = credential;
        this.#onError = (cause) => errors.notify({ kind: 'token', message: String(cause), cause });
        const token = credential && 'token' in credential ? credential.token : undefined;
        this.#refresh = typeof token === 'function' ? new TokenRefresh({ provider: token, onError: this.#onError, ...options }) : null;
    }
    /** Whether a refused connection can present another credential. */
    get isRenewable() {
        return this.#refresh !== null;
    }
    /** Returns the user id, or the token for a new link; neither for a guest. */
    async present() {
        if (this.#refresh)
            return { token: await this.#refresh.tokenForDial() };
        return { ...this.#credential };
    }
    /** Returns a dial that notes when the server refuses what was presented, and reports a provider that fails. */
    observe(dial) {
        return (events) => dial({
            ...events,
            onClosed: (closed) => {
                if (closed.code === CLOSE.unauthorized)
                    this.#refresh?.reject();
                if (closed.tokenError !== undefined)
                    this.#onError(closed.tokenError);
                events.onClosed(closed);
            },
        });
    }
    handleOnline() {
        this.#refresh?.handleOnline();
    }
    handleOffline() {
        this.#refresh?.handleOffline();
    }
    /** Processes a new measurement of the server's time. */
    handleTime() {
        this.#refresh?.handleTime();
    }
    /** Processes a message if it answers a fresh token; returns whether it does. */
    receive(message) {
        return this.#refresh?.receive(message) ?? false;
    }
}
