/** The member's name in browser storage. */

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

/** Storage access may throw; a failed access counts as empty storage. */
function attempt(run) {
  try {
    return run();
  } catch {
    return undefined;
  }
}
