import { TokenRefresh } from './token-refresh.js';
/** The credential of one connection. */
export class Credentials {
    #credential;
    #refresh;
    constructor({ credential, ...options }) {
        this.#credential = credential;
        const token = credential && 'token' in credential ? credential.token : undefined;
        this.#refresh = typeof token === 'function' ? new TokenRefresh({ provider: token, ...options }) : null;
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
    reject() {
        this.#refresh?.reject();
    }
    handleOnline() {
        this.#refresh?.handleOnline();
    }
    handleOffline() {
        this.#refresh?.handleOffline();
    }
    /** Processes a message if it answers a fresh token; returns whether it does. */
    receive(message) {
        return this.#refresh?.receive(message) ?? false;
    }
}
