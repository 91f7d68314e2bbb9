/** Returns an event with valid content, or null for others, such as those of later versions. */
export function parseRoomEvent(message) {
    const { payload } = message;
    const type = message.type;
    const content = (payload ?? {});
    if (typeof content['sessionId'] !== 'string')
        return null;
    switch (type) {
        case 'session:joined':
            return isRoom(payload) ? { type, payload } : null;
        case 'timer:state':
            return isTimerState(payload) ? { type, payload } : null;
        case 'timer:tick':
            return { type, payload: content };
        case 'timer:completed':
            return isNumber(content['completedAt']) ? { type, payload: content } : null;
        case 'session:user-joined':
        case 'session:user-left':
            return isPresence(payload) ? { type, payload } : null;
        default:
            return null;
    }
}
function isRoom(value) {
    const room = value;
    return typeof room?.sessionId === 'string' && isTimerState(room.state) && Array.isArray(room.clients) && isNumber(room.count);
}
function isTimerState(value) {
    const state = value;
    return (typeof state?.sessionId === 'string' &&
        isNumber(state.duration) &&
        isNumber(state.remainingTime) &&
        typeof state.isRunning === 'boolean' &&
        typeof state.isPaused === 'boolean' &&
        (!state.isRunning || isNumber(state.endsAt)) &&
        isNumber(state.serverTime) &&
        isNumber(state.rev));
}
/** Returns the fault of an answer or of an event `error`, or undefined if it is none. */
export function parseFault(value) {
    const fault = value;
    return typeof fault?.code === 'string' ? { code: fault.code, message: String(fault.message ?? '') } : undefined;
}
/** Reads an answer: the object that the server emitted, or an error. */
export function parseAnswer(payload) {
    const fault = parseFault(payload?.error);
    if (fault)
        return { fault };
    if (isRoom(payload))
        return { room: payload };
    return isTimerState(payload) ? { state: payload } : {};
}
function isPresence(value) {
    const event = value;
    return Array.isArray(event?.clients) && isNumber(event.count) && typeof event.client?.name === 'string';
}
function isNumber(value) {
    return typeof value === 'number' && Number.isFinite(value);
}
