/** Returns what a countdown is doing. */
export function countdownPhase({ isRunning, isPaused }) {
    if (isRunning)
        return 'running';
    return isPaused ? 'paused' : 'ready';
}
/** Returns the remaining time at an instant of the server's time, in milliseconds. */
export function remainingMs(state, now) {
    return state.isRunning ? Math.max(0, state.endsAt - now) : state.remainingTime * 1000;
}
/**
 * A countdown that is displayed with fewer seconds than the server's time says keeps them, if that is by less than this: no
 * second is displayed twice after a measurement of the time.
 */
const AHEAD_MAX_SECONDS = 5;
/** Returns the displayed remaining time at an instant of the server's time, in whole seconds rounded up. */
export function remainingSeconds(state, now, displayed) {
    const seconds = Math.ceil(remainingMs(state, now) / 1000);
    const isSameRun = displayed !== null && state.isRunning && displayed.state.isRunning && displayed.state.endsAt === state.endsAt;
    const isAhead = isSameRun && seconds > displayed.seconds && seconds - displayed.seconds < AHEAD_MAX_SECONDS;
    return isAhead ? displayed.seconds : seconds;
}
/** Predicts the state after a command, to display it before the server answers. */
export function predict(state, command, now) {
    const { endsAt, pausedAt, ...rest } = state;
    const stopped = { ...rest, isRunning: false, isPaused: false };
    const running = (seconds) => ({ ...stopped, isRunning: true, endsAt: now + seconds * 1000 });
    const remaining = Math.ceil(remainingMs(state, now) / 1000);
    switch (command.type) {
        case 'timer:start': {
            const duration = command.duration ?? state.duration;
            return { ...running(duration), duration, startedAt: now };
        }
        case 'timer:pause':
            return state.isRunning ? { ...stopped, isPaused: true, pausedAt: now, remainingTime: remaining } : state;
        case 'timer:resume':
            return state.isPaused ? running(state.remainingTime) : state;
        case 'timer:reset':
            return { ...stopped, remainingTime: state.duration };
        case 'timer:adjust': {
            const adjusted = remaining + command.seconds;
            if (countdownPhase(state) === 'ready')
                return state;
            if (adjusted <= 0)
                return { ...stopped, remainingTime: state.duration };
            if (state.isPaused)
                return { ...state, remainingTime: adjusted };
            return { ...state, endsAt: state.endsAt + command.seconds * 1000 };
        }
    }
}
