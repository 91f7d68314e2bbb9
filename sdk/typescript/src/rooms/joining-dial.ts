/** Links that join the room before they count as connected: only then can one replace another. */
import { CLOSE } from '../core/close-policy.js';
import type { Dial, Link, LinkEvents } from '../core/link.js';
import type { Membership, RoomTarget } from './membership.js';
import { parseAnswer } from './protocol.js';

/** Names the join of a link that is not the current one yet; requests have numbers. */
const HANDSHAKE_ID = 'handshake';

/** The payload of the message `connect` of a link that has asked for its room, and has an answer. */
export interface JoinedLink {
  readonly target: RoomTarget | null;
  readonly answer: unknown;
}

/** Returns a dial. `isOnline` tells whether another link works at present. */
export function joiningDial(dial: Dial, membership: Membership, isOnline: () => boolean): Dial {
  return (events) => {
    const { target } = membership;
    let isJoining = false;
    const link: Link = dial({
      onMessage: (message) => {
        const payload = target === membership.target ? membership.joinPayload() : null;
        if (message.type === 'connect' && payload) {
          isJoining = link.send({ type: 'session:join', payload, id: HANDSHAKE_ID });
          if (isOnline()) membership.beginMove();
        } else if (isJoining && message.type === 'ack') {
          isJoining = false;
          complete(link, events, { target, answer: message['payload'] });
        } else if (!isJoining || message.type !== 'error') {
          // The error of a join arrives in its answer too.
          events.onMessage(message);
        }
      },
      onClosed: (closed) => {
        if (isJoining) membership.endMove(true);
        events.onClosed(closed);
      },
    });
    // A link that the connection gives up, because it does not answer, reports no end.
    return { send: (message) => link.send(message), close: () => (isJoining && membership.endMove(true), link.close()) };
  };

  /** A node whose store is unavailable cannot continue the room of a link that works. */
  function complete(link: Link, events: LinkEvents, payload: JoinedLink) {
    const isUnavailable = parseAnswer(payload.answer).fault?.code === 'UNAVAILABLE';
    if (!isUnavailable || !isOnline()) return events.onMessage({ type: 'connect', payload });
    link.close();
    membership.endMove(true);
    events.onClosed({ code: CLOSE.lost, reason: 'UNAVAILABLE' });
  }
}
