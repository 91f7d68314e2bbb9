/** The parts that the clients of all systems have in common. */
export { backoff } from './core/backoff.js';
export { isTemporary } from './core/http-answer.js';
export { defaultPlatform, randomId } from './core/platform.js';
export { ServerClock } from './core/server-clock.js';
export { StateStore } from './core/store.js';
