/** The member's name in browser storage. */
import { attempt } from '../storage.js';

const NAME_KEY = 'tickcast.name';

export function createNameStorage(storage) {
  return {
    get name() {
      return attempt(() => storage?.getItem(NAME_KEY)) ?? '';
    },
    set name(name) {
      attempt(() => storage?.setItem(NAME_KEY, name));
    },
  };
}
