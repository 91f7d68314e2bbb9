/** The events of Rooms, and their validation: the server may be newer, or none of ours. */
import type { Message } from '../core/link.js';
import type {
  EventError,
  RoomClient,
  RoomsServerEvents,
  SessionJoined,
  SessionMemberEvent,
  TimerCompleted,
  TimerState,
  TimerTick,
} from '../generated/messages.js';

export type { TimerState } from '../generated/messages.js';

/** A member of a room. */
export type RoomMember = RoomClient;

/** A room and this client's membership in it. `clients` are the first 100 of `count` members. */
export type Room = Omit<SessionJoined, 'resume'> & Partial<Pick<SessionJoined, 'resume'>>;

/** A valid event of the server. */
export type RoomEvent =
  | { readonly type: 'session:joined'; readonly payload: Room }
  | { readonly type: 'timer:state'; readonly payload: TimerState }
  | { readonly type: 'timer:tick'; readonly payload: Pick<TimerTick, 'sessionId'> & Partial<TimerTick> }
  | { readonly type: 'timer:completed'; readonly payload: TimerCompleted }
  | { readonly type: 'session:user-joined' | 'session:user-left'; readonly payload: SessionMemberEvent };

/** An error that the server reports, or the library: then it has another code. */
export interface RoomFault {
  readonly code: EventError['code'] | (string & {});
  readonly message: string;
}

/** Returns an event with valid content, or null for others, such as those of later versions. */
export function parseRoomEvent(message: Message): RoomEvent | null {
  const { payload } = message;
  const type = message.type as keyof RoomsServerEvents;
  const content = (payload ?? {}) as Record<string, unknown>;
  if (typeof content['sessionId'] !== 'string') return null;
  switch (type) {
    case 'session:joined':
      return isRoom(payload) ? { type, payload } : null;
    case 'timer:state':
      return isTimerState(payload) ? { type, payload } : null;
    case 'timer:tick':
      return { type, payload: content as Pick<TimerTick, 'sessionId'> };
    case 'timer:completed':
      return isNumber(content['completedAt']) ? { type, payload: content as unknown as TimerCompleted } : null;
    case 'session:user-joined':
    case 'session:user-left':
      return isPresence(payload) ? { type, payload } : null;
    default:
      return null;
  }
}

function isRoom(value: unknown): value is Room {
  const room = value as Partial<Room> | null;
  return typeof room?.sessionId === 'string' && isTimerState(room.state) && Array.isArray(room.clients) && isNumber(room.count);
}

function isTimerState(value: unknown): value is TimerState {
  const state = value as Partial<TimerState> | null;
  return (
    typeof state?.sessionId === 'string' &&
    isNumber(state.duration) &&
    isNumber(state.remainingTime) &&
    typeof state.isRunning === 'boolean' &&
    typeof state.isPaused === 'boolean' &&
    (!state.isRunning || isNumber(state.endsAt)) &&
    isNumber(state.serverTime) &&
    isNumber(state.rev)
  );
}

/** Returns the fault of an answer or of an event `error`, or undefined if it is none. */
export function parseFault(value: unknown): RoomFault | undefined {
  const fault = value as Partial<RoomFault> | null | undefined;
  return typeof fault?.code === 'string' ? { code: fault.code, message: String(fault.message ?? '') } : undefined;
}

/** Reads an answer: the object that the server emitted, or an error. */
export function parseAnswer(payload: unknown): { room?: Room; state?: TimerState; fault?: RoomFault } {
  const fault = parseFault((payload as { error?: unknown } | null | undefined)?.error);
  if (fault) return { fault };
  if (isRoom(payload)) return { room: payload };
  return isTimerState(payload) ? { state: payload } : {};
}

function isPresence(value: unknown): value is SessionMemberEvent {
  const event = value as Partial<SessionMemberEvent> | null;
  return Array.isArray(event?.clients) && isNumber(event.count) && typeof event.client?.name === 'string';
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}
