/** The events of Rooms, and their validation: the server may be newer, or none of ours. */
import type { Message } from '../core/link.js';

/** A countdown as the server has it. Durations are whole seconds, times are server times in milliseconds since 1970. */
export interface TimerState {
  readonly sessionId: string;
  readonly duration: number;
  readonly remainingTime: number;
  readonly isRunning: boolean;
  readonly isPaused: boolean;
  readonly startedAt?: number;
  readonly pausedAt?: number;
  readonly endsAt?: number;
  readonly serverTime: number;
  readonly rev: number;
}

/** A member of a room. */
export interface RoomMember {
  readonly id: string;
  readonly name: string;
  readonly connectedAt: number;
}

/** A room and this client's membership in it. `clients` are the first 100 of `count` members. */
export interface Room {
  readonly sessionId: string;
  readonly clientId: string;
  readonly name: string;
  /** The secret of this membership, with which the client returns to it. */
  readonly resume?: string;
  readonly state: TimerState;
  readonly clients: readonly RoomMember[];
  readonly count: number;
}

/** A valid event of the server. */
export type RoomEvent =
  | { readonly type: 'session:joined'; readonly payload: Room }
  | { readonly type: 'timer:state'; readonly payload: TimerState }
  | { readonly type: 'timer:tick'; readonly payload: { readonly sessionId: string; readonly serverTime?: number } }
  | { readonly type: 'timer:completed'; readonly payload: { readonly sessionId: string; readonly completedAt: number } }
  | {
      readonly type: 'session:user-joined' | 'session:user-left';
      readonly payload: { readonly sessionId: string; readonly client: RoomMember; readonly clients: readonly RoomMember[]; readonly count: number };
    };

/** An error that the server reports. */
export interface RoomFault {
  readonly code: string;
  readonly message: string;
}

/** Returns an event with valid content, or null for others, such as those of later versions. */
export function parseRoomEvent({ type, payload }: Message): RoomEvent | null {
  const content = (payload ?? {}) as Record<string, unknown>;
  if (typeof content['sessionId'] !== 'string') return null;
  switch (type) {
    case 'session:joined':
      return isRoom(payload) ? { type, payload } : null;
    case 'timer:state':
      return isTimerState(payload) ? { type, payload } : null;
    case 'timer:tick':
      return { type, payload: content as { sessionId: string } };
    case 'timer:completed':
      return isNumber(content['completedAt']) ? { type, payload: content as { sessionId: string; completedAt: number } } : null;
    case 'session:user-joined':
    case 'session:user-left':
      return isPresence(content) ? { type, payload: content } : null;
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

function isPresence(content: Record<string, unknown>): content is { sessionId: string; client: RoomMember; clients: RoomMember[]; count: number } {
  return Array.isArray(content['clients']) && isNumber(content['count']) && typeof (content['client'] as RoomMember | undefined)?.name === 'string';
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}
