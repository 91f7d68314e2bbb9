/** The state of a client, in the form that frameworks subscribe to. */
/** Functions that are called with each value of a kind. */
export class Listeners {
    #listeners = new Set();
    /** Adds a listener; returns a function that removes it. The same function may be added twice. */
    add(listener) {
        const added = (value) => listener(value);
        this.#listeners.add(added);
        return () => this.#listeners.delete(added);
    }
    /** Calls all listeners. An error in one of them is reported to the environment, and affects nothing else. */
    notify(value) {
        for (const listener of [...this.#listeners]) {
            try {
                listener(value);
            }
            catch (error) {
                queueMicrotask(() => {
                    throw error;
                });
            }
        }
    }
}
/** A store whose value its owner sets. */
export class StateStore {
    #listeners = new Listeners();
    #value;
    constructor(initial) {
        this.#value = initial;
    }
    getSnapshot = () => this.#value;
    subscribe = (listener) => this.#listeners.add(listener);
    /** Replaces the value and calls the listeners, if a field differs. */
    set(value) {
        const fields = Object.keys(value);
        if (fields.every((field) => Object.is(value[field], this.#value[field])))
            return;
        this.#value = value;
        this.#listeners.notify();
    }
}
