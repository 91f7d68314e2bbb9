/** The value of a countdown at an instant of the server's time, and the predicted effect of commands. Pure. */

export const ADJUST_SECONDS = 60;

/** Returns `running`, `paused` or `ready`. */
export function countdownPhase(state) {
  if (state.isRunning) return 'running';
  return state.isPaused ? 'paused' : 'ready';
}

export function remainingMs(state, now) {
  return state.isRunning ? Math.max(0, state.endsAt - now) : state.remainingTime * 1000;
}

/** Predicts the state after a command, to display it before the server answers. */
export function predict(state, { type, payload }, now) {
  const stopped = { isRunning: false, isPaused: false, endsAt: undefined, pausedAt: undefined };
  const running = (seconds) => ({ ...state, ...stopped, isRunning: true, endsAt: now + seconds * 1000 });
  const remaining = Math.ceil(remainingMs(state, now) / 1000);
  switch (type) {
    case 'timer:start': {
      const duration = payload?.duration ?? state.duration;
      return { ...running(duration), duration, startedAt: now };
    }
    case 'timer:pause':
      return state.isRunning ? { ...state, ...stopped, isPaused: true, pausedAt: now, remainingTime: remaining } : state;
    case 'timer:resume':
      return state.isPaused ? running(state.remainingTime) : state;
    case 'timer:reset':
      return { ...state, ...stopped, remainingTime: state.duration };
    case 'timer:adjust': {
      const adjusted = remaining + payload.seconds;
      if (countdownPhase(state) === 'ready') return state;
      if (adjusted <= 0) return { ...state, ...stopped, remainingTime: state.duration };
      if (state.isPaused) return { ...state, remainingTime: adjusted };
      return { ...state, endsAt: state.endsAt + payload.seconds * 1000 };
    }
    default:
      return state;
  }
}
