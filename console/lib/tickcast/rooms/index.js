export { RoomsClient } from './client.js';
export { countdownPhase, remainingMs } from './countdown.js';
export { missedCompletion } from './model.js';
