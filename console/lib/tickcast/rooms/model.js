/** The room as last reported by the server. Pure: a model and an event give the next model. */
import { countdownPhase } from './countdown.js';
export const INITIAL_MODEL = { room: null, completedAt: null };
/** Returns the model after an event. */
export function reduce(model, event) {
    const { type, payload } = event;
    if (type === 'session:joined')
        return { room: payload, completedAt: missedCompletion(model.room, payload) };
    const { room } = model;
    if (!room || payload.sessionId !== room.sessionId)
        return model;
    switch (type) {
        case 'timer:state': {
            if (payload.rev < room.state.rev)
                return model;
            const isReady = countdownPhase(payload) === 'ready';
            return { room: { ...room, state: payload }, completedAt: isReady ? model.completedAt : null };
        }
        case 'timer:completed':
            return { ...model, completedAt: payload.completedAt };
        case 'session:user-joined':
        case 'session:user-left':
            return { ...model, room: { ...room, clients: payload.clients, count: payload.count } };
        case 'timer:tick':
            return model;
    }
}
/** Returns the time at which the countdown completed while the client was disconnected, or null. */
export function missedCompletion(before, now) {
    if (before?.sessionId !== now.sessionId || !before.state.isRunning)
        return null;
    const { state } = now;
    const isCompleted = countdownPhase(state) === 'ready' && state.startedAt === before.state.startedAt;
    return isCompleted && before.state.endsAt <= state.serverTime ? before.state.endsAt : null;
}
