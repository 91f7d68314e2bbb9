export { randomId } from './core/platform.js';
export { ServerClock } from './core/server-clock.js';
