/** Links over WebSockets, with one JSON message per text frame. */
import { CLOSE } from './close-policy.js';
const OPEN = 1;
/** Returns a dial; `target` is asked each time, because it can contain a token. */
export function webSocketDial(constructor, target) {
    return (events) => new WebSocketLink(constructor, target, events);
}
/** Returns the environment's WebSocket; Node has one from version 22 on. */
export function defaultWebSocket() {
    const found = globalThis.WebSocket;
    if (!found)
        throw new TypeError('this environment has no WebSocket: pass the option `WebSocket`, such as that of the package `ws`');
    return found;
}
class WebSocketLink {
    #events;
    #socket = null;
    #ended = false;
    constructor(constructor, target, events) {
        this.#events = events;
        void this.#open(constructor, target);
    }
    send(message) {
        if (this.#ended || this.#socket?.readyState !== OPEN)
            return false;
        this.#socket.send(JSON.stringify(message));
        return true;
    }
    close() {
        this.#ended = true;
        this.#socket?.close();
    }
    async #open(constructor, target) {
        let opened;
        try {
            opened = await target();
        }
        catch (tokenError) {
            return this.#end({ code: CLOSE.lost, reason: '', tokenError });
        }
        if (this.#ended)
            return;
        try {
            this.#listen(new constructor(opened.url, opened.protocols));
        }
        catch (error) {
            this.#end({ code: CLOSE.lost, reason: String(error) });
        }
    }
    #listen(socket) {
        this.#socket = socket;
        socket.onmessage = ({ data }) => {
            const message = parseMessage(data);
            if (message && !this.#ended)
                this.#events.onMessage(message);
        };
        socket.onclose = ({ code, reason }) => this.#end({ code, reason: String(reason) });
        // A close follows. The package `ws` ends the process if nobody listens to its errors.
        socket.onerror = () => { };
    }
    #end(closed) {
        if (this.#ended)
            return;
        this.#ended = true;
        this.#events.onClosed(closed);
    }
}
/** Returns the message of a frame, or null if the frame is none: such frames are ignored. */
export function parseMessage(data) {
    if (typeof data !== 'string')
        return null;
    try {
        const message = JSON.parse(data);
        return typeof message?.type === 'string' ? message : null;
    }
    catch {
        return null;
    }
}
