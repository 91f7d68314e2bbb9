/** Clockit: a user's stopwatch sessions with goals, which tick on every device (dialect `v1`). */
export { ClockitClient, type ClockitOptions, type ClockitSnapshot } from './client.js';
export type { SessionChange } from './diff.js';
export { ClockitHistory, type HistoryPage, type HistoryRow, type ImportResult, type RowFault } from './history.js';
export { newestRunning, type Session, type SessionPhase } from './model.js';
export type { Acknowledged, Goal, GoalInput, SessionStart, SessionState, Tick } from './protocol.js';
