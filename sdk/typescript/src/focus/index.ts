/** Focus: a person's session with a target, whose seconds are active or idle, and its score. */
export { pageActivity, type ActivityPage, type ActivitySource } from './activity.js';
export { FocusClient, type FocusOptions, type FocusSnapshot } from './client.js';
export type { FocusChanged } from './commands.js';
export type { ActivityRun } from './model.js';
export type { FocusCounters, FocusEnding, FocusSession, FocusSessionChange, FocusStats, FocusStatus, NewFocusSession } from './protocol.js';
export type { FocusListQuery } from './requests.js';
export { explainScore, type FocusScore } from './score.js';
