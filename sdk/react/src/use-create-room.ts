/** The creation of rooms, which components then join by their ids. */
import { useCallback } from 'react';
import { defaultPlatform, type CommandError, type DisconnectedError, type RefusedError, type TokenError } from '@tickcast/client';
import type { RoomFault, RoomsClient, RoomsSnapshot } from '@tickcast/client/rooms';
import type { ConnectionOptions } from './options.js';
import { useConnections } from './provider.js';
import { createRoomsClient } from './shared-room.js';

/** A person who has pressed a button does not wait for longer. */
const DEADLINE_MS = 10_000;

/** What a room is created with. `duration` is in seconds. */
export interface NewRoom {
  readonly duration?: number;
  readonly name?: string;
}

/** The id of a new room, or why there is none. */
export type CreateRoomResult =
  | { readonly ok: true; readonly sessionId: string }
  | { readonly ok: false; readonly error: CommandError | DisconnectedError | RefusedError | TokenError };

/**
 * Returns a function that creates a room. It never rejects. Its promise has the id, which `useRoom` takes: with a
 * `tabStorage`, that continues the membership that created the room.
 */
export function useCreateRoom(options: ConnectionOptions = {}): (room?: NewRoom) => Promise<CreateRoomResult> {
  const connections = useConnections(options);
  return useCallback((room: NewRoom = {}) => {
    const client = createRoomsClient(connections.clientOptions());
    client.create(room);
    client.open();
    return untilCreated(client, room, { ...defaultPlatform, ...connections.options.platform });
  }, [connections]);
}

function untilCreated(client: RoomsClient, room: NewRoom, platform: typeof defaultPlatform): Promise<CreateRoomResult> {
  return new Promise((resolve) => {
    const settle = (result: CreateRoomResult) => {
      stop();
      platform.clearTimeout(timer);
      client.close();
      resolve(result);
    };
    const check = () => {
      const result = resultOf(client.getSnapshot(), room);
      if (result) settle(result);
    };
    const stop = client.subscribe(check);
    const timer = platform.setTimeout(() => settle(failure({ code: 'no_answer', message: 'the server did not answer' }, room)), DEADLINE_MS);
    check();
  });
}

function resultOf({ connection, room, joinError }: RoomsSnapshot, created: NewRoom): CreateRoomResult | null {
  if (room) return { ok: true, sessionId: room.sessionId };
  if (joinError) return failure(joinError, created);
  return connection.phase === 'offline' || connection.phase === 'refused' ? { ok: false, error: connection.error } : null;
}

function failure({ code, message }: RoomFault, payload: NewRoom): CreateRoomResult {
  return { ok: false, error: { kind: 'command', code, message: message || code, command: { id: '', type: 'session:create', payload: { ...payload } } } };
}
