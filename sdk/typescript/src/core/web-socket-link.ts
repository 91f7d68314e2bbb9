/** Links over WebSockets, with one JSON message per text frame. */
import { CLOSE } from './close-policy.js';
import type { Dial, Link, LinkEvents, Message } from './link.js';

/** The part of a WebSocket that the library uses; those of browsers and of the package `ws` have it. */
export interface WebSocketLike {
  readonly readyState: number;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  onerror: ((event: unknown) => void) | null;
  send(text: string): void;
  close(): void;
}

/** Constructs a WebSocket. */
export type WebSocketConstructor = new (url: string, protocols?: string[]) => WebSocketLike;

/** Where a WebSocket leads. */
export interface WebSocketTarget {
  readonly url: string;
  readonly protocols?: string[];
}

const OPEN = 1;

/** Returns a dial; `target` is asked each time, because it can contain a token. */
export function webSocketDial(
  constructor: WebSocketConstructor,
  target: () => WebSocketTarget | Promise<WebSocketTarget>,
): Dial {
  return (events) => new WebSocketLink(constructor, target, events);
}

/** Returns the environment's WebSocket; Node has one from version 22 on. */
export function defaultWebSocket(): WebSocketConstructor {
  const found = (globalThis as { WebSocket?: unknown }).WebSocket;
  if (!found) throw new TypeError('this environment has no WebSocket: pass the option `WebSocket`, such as that of the package `ws`');
  return found as WebSocketConstructor;
}

class WebSocketLink implements Link {
  readonly #events: LinkEvents;
  #socket: WebSocketLike | null = null;
  #ended = false;

  constructor(constructor: WebSocketConstructor, target: () => WebSocketTarget | Promise<WebSocketTarget>, events: LinkEvents) {
    this.#events = events;
    void this.#open(constructor, target);
  }

  send(message: Message): boolean {
    if (this.#ended || this.#socket?.readyState !== OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  close(): void {
    this.#ended = true;
    this.#socket?.close();
  }

  async #open(constructor: WebSocketConstructor, target: () => WebSocketTarget | Promise<WebSocketTarget>) {
    let opened: WebSocketTarget;
    try {
      opened = await target();
    } catch (tokenError) {
      return this.#end({ code: CLOSE.lost, reason: '', tokenError });
    }
    if (this.#ended) return;
    try {
      this.#listen(new constructor(opened.url, opened.protocols));
    } catch (error) {
      this.#end({ code: CLOSE.lost, reason: String(error) });
    }
  }

  #listen(socket: WebSocketLike) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      const message = parseMessage(data);
      if (message && !this.#ended) this.#events.onMessage(message);
    };
    socket.onclose = ({ code, reason }) => this.#end({ code, reason: String(reason) });
    // A close follows. The package `ws` ends the process if nobody listens to its errors.
    socket.onerror = () => {};
  }

  #end(closed: Parameters<LinkEvents['onClosed']>[0]) {
    if (this.#ended) return;
    this.#ended = true;
    this.#events.onClosed(closed);
  }
}

/** Returns the message of a frame, or null if the frame is none: such frames are ignored. */
export function parseMessage(data: unknown): Message | null {
  if (typeof data !== 'string') return null;
  try {
    const message = JSON.parse(data);
    return typeof message?.type === 'string' ? message : null;
  } catch {
    return null;
  }
}
