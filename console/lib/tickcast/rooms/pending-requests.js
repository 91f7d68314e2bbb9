/**
 * Requests without an answer. The effect of a command is displayed in advance as long as the server has
 * reported no newer revision than the one the command was based on.
 */
import { predict } from './countdown.js';
/** The requests of one connection. */
export class PendingRequests {
    #requests = new Map();
    #nextId = 1;
    #version = 0;
    /** Changes with the requests. */
    get version() {
        return this.#version;
    }
    /** The id of the next request: those before it have smaller ones. */
    get nextId() {
        return this.#nextId;
    }
    get isEmpty() {
        return this.#requests.size === 0;
    }
    get hasCommands() {
        return this.#commands().length > 0;
    }
    get isJoining() {
        return [...this.#requests.values()].some(({ kind }) => kind === 'join');
    }
    /** Adds a request and returns its id. */
    add(request) {
        const id = this.#nextId++;
        this.#version += 1;
        this.#requests.set(id, request);
        return id;
    }
    /** Removes and returns a request. `isLatest` is false for a join that a later join supersedes. */
    take(id) {
        const request = this.#requests.get(id);
        this.#requests.delete(id);
        this.#version += 1;
        return request ? { request, isLatest: request.kind !== 'join' || !this.isJoining } : null;
    }
    /** Removes the requests with smaller ids, and returns the commands among them. */
    dropBefore(id) {
        const dropped = [...this.#requests].filter(([own]) => own < id);
        for (const [own] of dropped)
            this.take(own);
        return dropped.map(([, request]) => request).filter((request) => request.kind === 'command');
    }
    /** Returns the state with the commands applied that are based on its revision. */
    predict(state) {
        const commands = this.#commands().filter(({ rev }) => rev === state.rev);
        return commands.reduce((predicted, { command, at }) => predict(predicted, command, at), state);
    }
    /** Moves the remaining commands to a new base revision, which includes the commands before them. */
    rebase(rev) {
        for (const command of this.#commands())
            command.rev = rev;
        this.#version += 1;
    }
    #commands() {
        return [...this.#requests.values()].filter((request) => request.kind === 'command');
    }
}
