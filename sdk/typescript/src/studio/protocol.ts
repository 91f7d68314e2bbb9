/** The events and results of Studio, and their validation: the server may be newer, or none of ours. */
import type { Message } from '../core/link.js';
import type {
  StudioProcedures,
  TaskType,
  TimeEntry,
  TimeEntryList,
  TimerAdjustedEvent,
  TimerStartedEvent,
  TimerStoppedEvent,
  TrpcErrorCode,
} from '../generated/messages.js';

/** The events of an organisation, by their names. */
export type SocketEvents = {
  'timer:started': TimerStartedEvent;
  'timer:stopped': TimerStoppedEvent;
  'timer:adjusted': TimerAdjustedEvent;
};

/** A valid event of the server. */
export type StudioEvent = { [Type in keyof SocketEvents]: { readonly type: Type; readonly payload: SocketEvents[Type] } }[keyof SocketEvents];

/** The procedures that change nothing. */
export type QueryPath = 'timeTracking.taskTypes.list' | 'timeTracking.timer.getActive' | 'timeTracking.timeEntries.list';

/** The procedures that change something. */
export type MutationPath = Exclude<keyof StudioProcedures, QueryPath>;

/** Returns an event with valid content, or null for others, such as those of later versions. */
export function parseStudioEvent({ type, payload }: Message): StudioEvent | null {
  const { timeEntryId, taskType, startTime, endTime, serverTime } = (payload ?? {}) as Record<string, unknown>;
  if (typeof timeEntryId !== 'number' || typeof serverTime !== 'number') return null;
  switch (type) {
    case 'timer:started':
      return isInstant(startTime) && (taskType === null || isTaskType(taskType)) ? { type, payload: payload as TimerStartedEvent } : null;
    case 'timer:stopped':
      return { type, payload: payload as TimerStoppedEvent };
    case 'timer:adjusted':
      return isInstant(startTime) && (endTime === null || isInstant(endTime)) ? { type, payload: payload as TimerAdjustedEvent } : null;
    default:
      return null;
  }
}

/** Returns whether a value is an entry. */
export function isTimeEntry(value: unknown): value is TimeEntry {
  const entry = value as Partial<TimeEntry> | null;
  return (
    typeof entry?.id === 'number' &&
    typeof entry.taskTypeId === 'number' &&
    isInstant(entry.startTime) &&
    (entry.endTime === null || isInstant(entry.endTime)) &&
    isRate(entry.hourlyRateSnapshot) &&
    isInstant(entry.updatedAt)
  );
}

/** Returns whether a value is a task type. */
export function isTaskType(value: unknown): value is TaskType {
  const taskType = value as Partial<TaskType> | null;
  return typeof taskType?.id === 'number' && typeof taskType.name === 'string' && isRate(taskType.hourlyRate);
}

/** Returns whether a value is a list of task types. */
export function isTaskTypes(value: unknown): value is readonly TaskType[] {
  return Array.isArray(value) && value.every(isTaskType);
}

/** Returns whether a value is a list of entries. */
export function isEntryList(value: unknown): value is TimeEntryList {
  const list = value as Partial<TimeEntryList> | null;
  return Array.isArray(list?.entries) && list.entries.every(isTimeEntry) && typeof list.stats?.totalCost === 'number';
}

/** Returns the result of the envelope of a call, or undefined if it is none. */
export function parseResult(envelope: unknown): unknown {
  return (envelope as { result?: { data?: unknown } } | null)?.result?.data;
}

/** Returns the code of the envelope of a call that has failed, or undefined if it is none. */
export function parseErrorCode(envelope: unknown): TrpcErrorCode | undefined {
  const { code } = ((envelope as { error?: { data?: unknown } } | null | undefined)?.error?.data ?? {}) as { code?: unknown };
  return typeof code === 'string' ? (code as TrpcErrorCode) : undefined;
}

function isInstant(value: unknown): value is string {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value));
}

function isRate(value: unknown): value is string {
  return typeof value === 'string' && /^\d+\.\d\d$/.test(value);
}
