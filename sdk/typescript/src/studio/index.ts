/** Studio: an organisation's time tracking, over `socket.io-client` and tRPC. */
export type { SocketIo, SocketIoSocket } from '../core/socket-io-link.js';
export type {
  NewTaskTypeInput,
  StudioClientEvents,
  StudioProcedures,
  StudioServerEvents,
  StudioUserId,
  TaskType,
  TaskTypeChangeInput,
  TimeEntry,
  TimeEntryList,
  TimeEntryTargetInput,
  TimerAdjustedEvent,
  TimerCost,
  TimerStartedEvent,
  TimerStartInput,
  TimerStoppedEvent,
} from '../generated/messages.js';
export { StudioClient, type StudioOptions, type StudioSnapshot } from './client.js';
export type { RunningEntry } from './display.js';
export type { EntryAdjustment, EntryFilter, Instant } from './input.js';
export type { ActiveEntry } from './model.js';
export { costOf, wholeMinutes } from './money.js';
export type { SocketEvents, StudioEvent } from './protocol.js';
export type { StudioRouter } from './router.js';
