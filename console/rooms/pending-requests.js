/**
 * Requests without an answer. The effect of a command is displayed in advance as long as the server has
 * reported no newer revision than the one the command was based on.
 */
import { predict } from './countdown.js';

const JOIN_TYPES = ['session:create', 'session:join'];

export class PendingRequests {
  #requests = new Map();
  #nextId = 1;

  get isEmpty() {
    return this.#requests.size === 0;
  }

  get hasCommands() {
    return [...this.#requests.values()].some(({ rev }) => rev !== undefined);
  }

  get isJoining() {
    return [...this.#requests.values()].some(({ message }) => JOIN_TYPES.includes(message.type));
  }

  /** Adds a request and returns its id. `base` is `{rev, at}` for a command: its base revision and its time. */
  add(message, base) {
    const id = this.#nextId++;
    this.#requests.set(id, { message, ...base });
    return id;
  }

  /** Removes and returns a request, or null. `isLatest` is false for a join that a later join supersedes. */
  take(id) {
    const request = this.#requests.get(id);
    this.#requests.delete(id);
    if (!request) return null;
    const isJoin = JOIN_TYPES.includes(request.message.type);
    return { ...request, isJoin, isLatest: !isJoin || !this.isJoining };
  }

  clear() {
    this.#requests.clear();
  }

  /** Returns the state with the commands applied that are based on its revision. */
  predict(state) {
    const commands = [...this.#requests.values()].filter(({ rev }) => rev === state.rev);
    return commands.reduce((predicted, { message, at }) => predict(predicted, message, at), state);
  }

  /** Moves the remaining commands to a new base revision, which includes the commands before them. */
  rebase(rev) {
    for (const request of this.#requests.values()) if (request.rev !== undefined) request.rev = rev;
  }
}
