/** What the library takes from its environment. An application can replace parts of it, and tests replace all. */

/** The handle of a timer, as the environment's `setTimeout` returns it. */
export type Timer = unknown;

/** The environment of a client: its clock, timers, randomness, and the life of its page. */
export interface Platform {
  /** Returns the local time in milliseconds since 1970. It may be wrong, and may be moved at any time. */
  now(): number;
  /** Returns a number from 0 to below 1. */
  random(): number;
  /** Returns an id that no other client generates. */
  randomId(): string;
  setTimeout(run: () => void, ms: number): Timer;
  clearTimeout(timer: Timer): void;
  /** Calls `run` when the page becomes visible or the network returns; returns a function that ends it. */
  onWake(run: () => void): () => void;
  /** Calls `run` when the page is left or frozen; returns a function that ends it. */
  onHide(run: () => void): () => void;
}

/** The browser, or Node. */
export const defaultPlatform: Platform = {
  now: () => Date.now(),
  random: () => Math.random(),
  randomId: () => randomId(),
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: (timer) => clearTimeout(timer as number),
  onWake: (run) => {
    const whenVisible = () => {
      if (document.visibilityState === 'visible') run();
    };
    return listen([
      [globalThis, 'online', run],
      // A page that returns from the back/forward cache has lost its sockets.
      [globalThis, 'pageshow', run],
      [globalThis.document, 'visibilitychange', whenVisible],
    ]);
  },
  onHide: (run) => listen([[globalThis, 'pagehide', run]]),
};

/** Returns a random UUID. `crypto.randomUUID` exists only in secure contexts, not on a page over plain HTTP. */
export function randomId(source: Crypto = globalThis.crypto): string {
  if ('randomUUID' in source) return source.randomUUID();
  const bytes = (source as Crypto).getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

type Listening = [target: Partial<EventTarget> | undefined, type: string, listener: () => void];

/** Outside browsers there is nothing to listen to. */
function listen(all: Listening[]): () => void {
  if (typeof document === 'undefined') return () => {};
  for (const [target, type, listener] of all) target?.addEventListener?.(type, listener);
  return () => {
    for (const [target, type, listener] of all) target?.removeEventListener?.(type, listener);
  };
}
