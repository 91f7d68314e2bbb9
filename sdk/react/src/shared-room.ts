/** The client of a room, in the form that components share. */
import { RoomsClient, type RoomsSnapshot } from '@tickcast/client/rooms';
import type { ClientError } from '@tickcast/client';
import type { Client } from './ref-counted-client.js';
import { requireIo, type ClientOptions } from './options.js';

/** Returns a client that is in no room yet. */
export function createRoomsClient({ tabStorage, ...options }: ClientOptions): RoomsClient {
  return new RoomsClient({ ...options, io: requireIo(options), storage: tabStorage });
}

/** A member of one room, from its opening to its closing. A page that ends without closing it stays a member for seconds. */
export class SharedRoom implements Client {
  readonly rooms: RoomsClient;
  readonly #roomId: string;
  readonly #name: string | undefined;

  constructor(rooms: RoomsClient, roomId: string, name: string | undefined) {
    this.rooms = rooms;
    this.#roomId = roomId;
    this.#name = name;
  }

  readonly getSnapshot = (): RoomsSnapshot => this.rooms.getSnapshot();

  readonly subscribe = (listener: () => void): (() => void) => this.rooms.subscribe(listener);

  onError(listener: (error: ClientError) => void): () => void {
    return this.rooms.onError(listener);
  }

  open(): void {
    this.join();
    this.rooms.open();
  }

  /** Leaves the room. */
  close(): void {
    this.rooms.leave();
    this.rooms.close();
  }

  /** Joins the room, also after an error. */
  join(): void {
    this.rooms.join(this.#roomId, this.#name === undefined ? {} : { name: this.#name });
  }
}
