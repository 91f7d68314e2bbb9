/** Focus: a person's session with a target, whose seconds are active or idle, and its score. */
export { pageActivity } from './activity.js';
export { FocusClient } from './client.js';
export { explainScore } from './score.js';
