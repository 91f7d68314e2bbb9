/** Punch clock: a person's working day, with punches IN and OUT. */
export { PunchClockClient, type PunchClockOptions, type PunchClockSnapshot, type PunchStored } from './client.js';
export { createPunch, liveSeconds, type LiveSeconds } from './day.js';
export type { DayChanges, DayLog, DayLogPage, Ignored, Punch, WorkDay, WorkStatus } from './protocol.js';
