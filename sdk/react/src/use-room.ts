/** A countdown that a team shares, and its members. */
import { useEffect, useMemo, useSyncExternalStore } from 'react';
import type { CountdownCommand, RoomCommandResult, RoomEventNotice, RoomsSnapshot } from '@tickcast/client/rooms';
import type { Connections } from './connections.js';
import type { RefCountedClient } from './ref-counted-client.js';
import type { HookOptions } from './options.js';
import { useConnections, useListener } from './provider.js';
import { createRoomsClient, SharedRoom } from './shared-room.js';

/** The options of `useRoom`. */
export interface RoomOptions extends HookOptions {
  /** The name of the member. It is taken when the room is joined. */
  readonly name?: string | undefined;
  /** Called with each event of the room that has changed something, such as a member who joined. */
  readonly onEvent?: ((notice: RoomEventNotice) => void) | undefined;
}

/** The commands of a countdown, displayed at once. They never reject, and are not repeated after a lost connection. */
export interface RoomCommands {
  /** Starts the countdown, with another duration in seconds if one is given. */
  start(duration?: number): Promise<RoomCommandResult>;
  pause(): Promise<RoomCommandResult>;
  resume(): Promise<RoomCommandResult>;
  reset(): Promise<RoomCommandResult>;
  /** Adds seconds to the countdown, or takes them from it. */
  adjust(seconds: number): Promise<RoomCommandResult>;
  /** Connects at once instead of at the next attempt, and joins again after an error. */
  retryNow(): void;
  /** Returns the estimated time of the server, in milliseconds since 1970. */
  serverNow(): number;
}

/** The state of a member of a room, and its commands. */
export interface RoomState extends RoomsSnapshot, RoomCommands {}

/** The state on a server, and without a room. */
const INITIAL: RoomsSnapshot = {
  connection: { phase: 'closed' },
  target: null,
  room: null,
  timer: null,
  remainingSeconds: null,
  completedAt: null,
  times: 'continued',
  canSendCommands: false,
  joinError: null,
  lastJoinError: null,
};

const NO_SUBSCRIPTION = () => () => {};
const getInitial = () => INITIAL;

/**
 * Joins a room while the component is mounted, and leaves it afterwards; null is no room. Components below one provider
 * that name the same room are one member.
 */
export function useRoom(roomId: string | null, { name, onEvent, onError, ...options }: RoomOptions = {}): RoomState {
  const connections = useConnections(options);
  const shared = roomId === null ? null : sharedRoom(connections, roomId, name);
  useListener(shared, (client, listener) => client.rooms.onEvent(listener), onEvent);
  useListener(shared, (client, listener) => client.onError(listener), onError);
  useEffect(() => shared?.acquire(), [shared]);
  const snapshot = useSyncExternalStore(shared?.subscribe ?? NO_SUBSCRIPTION, shared?.getSnapshot ?? getInitial, getInitial);
  const commands = useMemo(() => commandsOf(shared), [shared]);
  return useMemo(() => ({ ...snapshot, ...commands }), [snapshot, commands]);
}

/** The members of rooms that were left are dropped: an application may visit many rooms. */
function sharedRoom(connections: Connections, roomId: string, name: string | undefined): RefCountedClient<SharedRoom> {
  return connections.client(`room ${roomId}`, (client) => new SharedRoom(createRoomsClient(client), roomId, name), { temporary: true });
}

function commandsOf(shared: RefCountedClient<SharedRoom> | null): RoomCommands {
  const send = (command: CountdownCommand) => (shared ? shared.client.rooms.send(command) : Promise.resolve(notInRoom(command)));
  return {
    start: (duration) => send({ type: 'timer:start', ...(duration === undefined ? {} : { duration }) }),
    pause: () => send({ type: 'timer:pause' }),
    resume: () => send({ type: 'timer:resume' }),
    reset: () => send({ type: 'timer:reset' }),
    adjust: (seconds) => send({ type: 'timer:adjust', seconds }),
    retryNow: () => {
      shared?.client.join();
      shared?.client.rooms.retryNow();
    },
    serverNow: () => shared?.client.rooms.serverNow() ?? Date.now(),
  };
}

function notInRoom({ type, ...payload }: CountdownCommand): RoomCommandResult {
  const message = 'the component is in no room';
  return { ok: false, error: { kind: 'command', code: 'not_joined', message, command: { id: '', type, payload } } };
}
