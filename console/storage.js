/** Web Storage that may be forbidden or full: a failed access counts as empty storage. */

/** Returns the result of an access, or undefined if it throws. */
export function attempt(access) {
  try {
    return access();
  } catch {
    return undefined;
  }
}

/** Returns `window.localStorage` or `window.sessionStorage`, or null: reading the property throws in a browser that forbids storage. */
export function storageOf(window, name) {
  return attempt(() => window[name]) ?? null;
}
