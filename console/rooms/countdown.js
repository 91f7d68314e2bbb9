/** A countdown at an instant of the server's time, and what a command will make of it. Pure. */

export const ADJUST_SECONDS = 60;

/** `running`, `paused` or `ready`. */
export function phaseOf(state) {
  if (state.isRunning) return 'running';
  return state.isPaused ? 'paused' : 'ready';
}

export function remainingMs(state, now) {
  return state.isRunning ? Math.max(0, state.endsAt - now) : state.remainingTime * 1000;
}

/** The state that a command will leave, as far as can be told before the server has said so. */
export function foresee(state, { type, payload }, now) {
  const still = { isRunning: false, isPaused: false, endsAt: undefined, pausedAt: undefined };
  const running = (seconds) => ({ ...state, ...still, isRunning: true, endsAt: now + seconds * 1000 });
  const left = Math.ceil(remainingMs(state, now) / 1000);
  switch (type) {
    case 'timer:start': {
      const duration = payload?.duration ?? state.duration;
      return { ...running(duration), duration, startedAt: now };
    }
    case 'timer:pause':
      return state.isRunning ? { ...state, ...still, isPaused: true, pausedAt: now, remainingTime: left } : state;
    case 'timer:resume':
      return state.isPaused ? running(state.remainingTime) : state;
    case 'timer:reset':
      return { ...state, ...still, remainingTime: state.duration };
    case 'timer:adjust': {
      const moved = left + payload.seconds;
      if (phaseOf(state) === 'ready') return state;
      if (moved <= 0) return { ...state, ...still, remainingTime: state.duration };
      if (state.isPaused) return { ...state, remainingTime: moved };
      return { ...state, endsAt: state.endsAt + payload.seconds * 1000 };
    }
    default:
      return state;
  }
}
