/**
 * What was asked and is not answered yet. A press is shown as if it had happened as long as the server has told
 * nothing newer than what it was pressed on.
 */
import { foresee } from './countdown.js';

const ENTERING = ['session:create', 'session:join'];

export class Pending {
  #asked = new Map();
  #nextId = 1;

  get isEmpty() {
    return this.#asked.size === 0;
  }

  get hasPresses() {
    return [...this.#asked.values()].some(({ rev }) => rev !== undefined);
  }

  has(...types) {
    return [...this.#asked.values()].some(({ message }) => types.includes(message.type));
  }

  get isEntering() {
    return this.has(...ENTERING);
  }

  /** Notes something asked; `pressed` is `{rev, at}` of a press. */
  add(message, pressed) {
    const id = this.#nextId++;
    this.#asked.set(id, { message, ...pressed });
    return id;
  }

  /** Takes out what an answer is for; `isLast` says that nothing of its kind was asked since. */
  take(id) {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    if (!asked) return null;
    const enters = ENTERING.includes(asked.message.type);
    return { ...asked, enters, isLast: !enters || !this.isEntering };
  }

  clear() {
    this.#asked.clear();
  }

  /** The state with the presses that were made on it. */
  foresee(state) {
    const presses = [...this.#asked.values()].filter(({ rev }) => rev === state.rev);
    return presses.reduce((shown, { message, at }) => foresee(shown, message, at), state);
  }

  /** What is left was pressed in the belief that the ones before would be done, as they are now. */
  rebase(rev) {
    for (const asked of this.#asked.values()) if (asked.rev !== undefined) asked.rev = rev;
  }
}
