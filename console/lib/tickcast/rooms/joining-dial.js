/** Links that join the room before they count as connected: only then can one replace another. */
import { CLOSE } from '../core/close-policy.js';
import { parseAnswer } from './protocol.js';
/** Names the join of a link that is not the current one yet; requests have numbers. */
const HANDSHAKE_ID = 'handshake';
/** Returns a dial. `isOnline` tells whether another link works at present. */
export function joiningDial(dial, membership, isOnline) {
    return (events) => {
        const { target } = membership;
        let isJoining = false;
        const link = dial({
            onMessage: (message) => {
                const payload = target === membership.target ? membership.joinPayload() : null;
                if (message.type === 'connect' && payload) {
                    isJoining = link.send({ type: 'session:join', payload, id: HANDSHAKE_ID });
                    if (isOnline())
                        membership.beginMove();
                }
                else if (isJoining && message.type === 'ack') {
                    isJoining = false;
                    complete(link, events, { target, answer: message['payload'] });
                }
                else if (!isJoining || message.type !== 'error') {
                    // The error of a join arrives in its answer too.
                    events.onMessage(message);
                }
            },
            onClosed: (closed) => {
                if (isJoining)
                    membership.endMove(true);
                events.onClosed(closed);
            },
        });
        // A link that the connection gives up, because it does not answer, reports no end.
        return { send: (message) => link.send(message), close: () => (isJoining && membership.endMove(true), link.close()) };
    };
    /** A node whose store is unavailable cannot continue the room of a link that works. */
    function complete(link, events, payload) {
        const isUnavailable = parseAnswer(payload.answer).fault?.code === 'UNAVAILABLE';
        if (!isUnavailable || !isOnline())
            return events.onMessage({ type: 'connect', payload });
        link.close();
        membership.endMove(true);
        events.onClosed({ code: CLOSE.lost, reason: 'UNAVAILABLE' });
    }
}
