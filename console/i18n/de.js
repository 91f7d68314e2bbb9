/**
 * The German texts of all pages.
 * @type {Record<import('./translate.js').MessageKey, string | Record<string, string>>}
 */
import { clockit } from './de/clockit.js';
import { cluster } from './de/cluster.js';
import { display } from './de/display.js';
import { focus } from './de/focus.js';
import { history } from './de/history.js';
import { punchClock } from './de/punch-clock.js';
import { rooms } from './de/rooms.js';
import { shell } from './de/shell.js';
import { studio } from './de/studio.js';

export const messages = { ...shell, ...clockit, ...history, ...rooms, ...display, ...studio, ...punchClock, ...focus, ...cluster };
