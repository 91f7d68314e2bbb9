export { StudioClient } from './client.js';
export { costOf, wholeMinutes } from './money.js';
