/** Punch clock: a person's working day, with punches IN and OUT. */
export { PunchClockClient } from './client.js';
export { createPunch, liveSeconds } from './day.js';
