/** One socket of a client, from its dial to its end, whatever its transport. */

/** A message of either direction: JSON with a `type`. What else it contains is not checked yet. */
export interface Message {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** How a link ended. */
export interface Closed {
  readonly code: number;
  readonly reason: string;
  /** What the token provider threw, if the link was never opened because of it. */
  readonly tokenError?: unknown;
}

/** What happens on a link. Nothing follows `onClosed`, and nothing follows a call of `close`. */
export interface LinkEvents {
  onMessage(message: Message): void;
  onClosed(closed: Closed): void;
}

/** A socket that was dialled. */
export interface Link {
  /** Sends a message. Returns false if the link is not open; true does not mean that the message arrives. */
  send(message: Message): boolean;
  close(): void;
}

/** Opens a link. It does not throw; failures are reported as a close. */
export type Dial = (events: LinkEvents) => Link;
