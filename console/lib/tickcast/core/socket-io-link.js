/** Links over Socket.IO, each a connection of its own, by the function `io` of the package `socket.io-client`. */
import { CLOSE } from './close-policy.js';
/**
 * Returns a dial. A message with an `id` requests an acknowledgement, which arrives as `{type: 'ack', id, payload}`; the
 * message `connect` completes the handshake of the protocol.
 */
export function socketIoDial(io, target) {
    return (events) => new SocketIoLink(io, target, events);
}
class SocketIoLink {
    #events;
    #socket = null;
    #ended = false;
    constructor(io, target, events) {
        this.#events = events;
        void this.#open(io, target);
    }
    send({ type, payload, id }) {
        if (this.#ended || !this.#socket?.connected)
            return false;
        const values = payload === undefined ? [] : [payload];
        if (id === undefined)
            this.#socket.emit(type, ...values);
        else
            this.#socket.emit(type, ...values, (answer) => this.#receive({ type: 'ack', id, payload: answer }));
        return true;
    }
    /** Ends the connection without a DISCONNECT packet, by which a member would leave its room at once. */
    close() {
        this.#ended = true;
        this.#socket?.io.engine.close();
    }
    async #open(io, target) {
        try {
            const { url, identity } = await target();
            if (this.#ended)
                return;
            const { userId, token } = identity;
            this.#socket = io(url.origin, {
                path: url.pathname,
                transports: ['websocket'],
                forceNew: true,
                reconnection: false,
                query: userId === undefined ? {} : { userId },
                auth: token === undefined ? {} : { token },
            });
        }
        catch (tokenError) {
            return this.#end({ code: CLOSE.lost, reason: '', tokenError });
        }
        this.#listen(this.#socket);
    }
    #listen(socket) {
        socket.on('connect', () => this.#receive({ type: 'connect' }));
        socket.onAny((type, payload) => this.#receive({ type, payload }));
        socket.on('connect_error', (error) => {
            // The server's refusals come in a packet; other errors are the transport's.
            const isTransport = error.type !== undefined;
            const code = isTransport ? CLOSE.lost : error.message === 'Too many connections' ? CLOSE.tooMany : CLOSE.unauthorized;
            this.#end({ code, reason: error.message });
        });
        socket.on('disconnect', (reason, details) => {
            // A server that sends DISCONNECT wants no reconnect with the same credential.
            if (reason === 'io server disconnect')
                return this.#end({ code: CLOSE.unauthorized, reason });
            const { code, reason: text } = details?.context ?? {};
            this.#end({ code: typeof code === 'number' ? code : CLOSE.lost, reason: typeof text === 'string' ? text : '' });
        });
    }
    #receive(message) {
        if (!this.#ended)
            this.#events.onMessage(message);
    }
    #end(closed) {
        if (this.#ended)
            return;
        this.#ended = true;
        this.#events.onClosed(closed);
    }
}
