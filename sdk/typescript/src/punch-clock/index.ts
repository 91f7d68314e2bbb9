/** Punch clock: a person's working day, with punches IN and OUT. */
export { PunchClockClient, type PunchClockOptions, type PunchClockSnapshot, type PunchStored } from './client.js';
export type { LiveSeconds } from './day.js';
export type { DayLog, DayLogPage, Ignored, Punch, WorkDay, WorkStatus } from './protocol.js';
