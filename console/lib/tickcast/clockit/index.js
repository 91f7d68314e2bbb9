/** Clockit: a user's stopwatch sessions with goals, which tick on every device (dialect `v1`). */
export { ClockitClient } from './client.js';
export { ClockitHistory } from './history.js';
export { newestRunning } from './model.js';
