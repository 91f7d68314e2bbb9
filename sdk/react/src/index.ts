/** React hooks for Tickcast. */
export type { ConnectionOptions, HookOptions } from './options.js';
export { TickcastProvider, type TickcastProviderProps } from './provider.js';
export { formatMinutesToHours, formatSecondsToHMS } from './punch-clock/format.js';
export type { DailyStats } from './punch-clock/day-totals.js';
export type { SessionState, UserSession } from './punch-clock/session-manager.js';
export { useRealtimeTimer, type RealtimeTimer } from './punch-clock/use-realtime-timer.js';
export { useSessionManager, type SessionManagerResult } from './punch-clock/use-session-manager.js';
export { useCreateRoom, type CreateRoomResult, type NewRoom } from './use-create-room.js';
export { useFocusSession, type FocusSessionOptions, type FocusSessionState } from './use-focus-session.js';
export { useOrganizationTimers, type OrganizationTimers, type OrganizationTimersOptions } from './use-organization-timers.js';
export { useRoom, type RoomCommands, type RoomOptions, type RoomState } from './use-room.js';
export { useStopwatches, type Stopwatches, type StopwatchesOptions } from './use-stopwatches.js';
