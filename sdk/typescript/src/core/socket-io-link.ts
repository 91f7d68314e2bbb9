/** Links over Socket.IO, each a connection of its own, by the function `io` of the package `socket.io-client`. */
import { CLOSE } from './close-policy.js';
import type { Dial, Link, LinkEvents, Message } from './link.js';

/** The part of a socket of `socket.io-client` that the library uses. */
export interface SocketIoSocket {
  readonly connected: boolean;
  readonly io: { readonly engine: { close(): unknown } };
  on(event: string, listener: (...values: any[]) => void): unknown;
  onAny(listener: (event: string, ...values: any[]) => void): unknown;
  emit(event: string, ...values: any[]): unknown;
}

/** The options that the library passes to `io`. */
export interface SocketIoOptions {
  path: string;
  transports: ['websocket'];
  forceNew: true;
  reconnection: false;
  query: { [name: string]: string };
  auth: { [name: string]: string };
}

/** The function `io` of the package `socket.io-client`, version 4. */
export type SocketIo = (url: string, options: SocketIoOptions) => SocketIoSocket;

/** Where a socket leads, and what it presents. */
export interface SocketIoTarget {
  readonly url: URL;
  readonly identity: { readonly userId?: string; readonly token?: string };
}

/**
 * Returns a dial. A message with an `id` requests an acknowledgement, which arrives as `{type: 'ack', id, payload}`; the
 * message `connect` completes the handshake of the protocol.
 */
export function socketIoDial(io: SocketIo, target: () => Promise<SocketIoTarget>): Dial {
  return (events) => new SocketIoLink(io, target, events);
}

class SocketIoLink implements Link {
  readonly #events: LinkEvents;
  #socket: SocketIoSocket | null = null;
  #ended = false;

  constructor(io: SocketIo, target: () => Promise<SocketIoTarget>, events: LinkEvents) {
    this.#events = events;
    void this.#open(io, target);
  }

  send({ type, payload, id }: Message): boolean {
    if (this.#ended || !this.#socket?.connected) return false;
    const values = payload === undefined ? [] : [payload];
    if (id === undefined) this.#socket.emit(type, ...values);
    else this.#socket.emit(type, ...values, (answer: unknown) => this.#receive({ type: 'ack', id, payload: answer }));
    return true;
  }

  /** Ends the connection without a DISCONNECT packet, by which a member would leave its room at once. */
  close(): void {
    this.#ended = true;
    this.#socket?.io.engine.close();
  }

  async #open(io: SocketIo, target: () => Promise<SocketIoTarget>) {
    try {
      const { url, identity } = await target();
      if (this.#ended) return;
      const { userId, token } = identity;
      this.#socket = io(url.origin, {
        path: url.pathname,
        transports: ['websocket'],
        forceNew: true,
        reconnection: false,
        query: userId === undefined ? {} : { userId },
        auth: token === undefined ? {} : { token },
      });
    } catch (tokenError) {
      return this.#end({ code: CLOSE.lost, reason: '', tokenError });
    }
    this.#listen(this.#socket);
  }

  #listen(socket: SocketIoSocket) {
    socket.on('connect', () => this.#receive({ type: 'connect' }));
    socket.onAny((type, payload) => this.#receive({ type, payload }));
    socket.on('connect_error', (error: Error & { type?: unknown }) => {
      // The server's refusals come in a packet; other errors are the transport's.
      const isTransport = error.type !== undefined;
      const code = isTransport ? CLOSE.lost : error.message === 'Too many connections' ? CLOSE.tooMany : CLOSE.unauthorized;
      this.#end({ code, reason: error.message });
    });
    socket.on('disconnect', (reason: string, details?: { context?: { code?: unknown; reason?: unknown } }) => {
      // A server that sends DISCONNECT wants no reconnect with the same credential.
      if (reason === 'io server disconnect') return this.#end({ code: CLOSE.unauthorized, reason });
      const { code, reason: text } = details?.context ?? {};
      this.#end({ code: typeof code === 'number' ? code : CLOSE.lost, reason: typeof text === 'string' ? text : '' });
    });
  }

  #receive(message: Message) {
    if (!this.#ended) this.#events.onMessage(message);
  }

  #end(closed: Parameters<LinkEvents['onClosed']>[0]) {
    if (this.#ended) return;
    this.#ended = true;
    this.#events.onClosed(closed);
  }
}
