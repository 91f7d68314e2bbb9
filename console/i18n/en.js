/** The English texts of all pages. */
import { clockit } from './en/clockit.js';
import { cluster } from './en/cluster.js';
import { display } from './en/display.js';
import { focus } from './en/focus.js';
import { history } from './en/history.js';
import { punchClock } from './en/punch-clock.js';
import { rooms } from './en/rooms.js';
import { shell } from './en/shell.js';
import { studio } from './en/studio.js';

export const messages = { ...shell, ...clockit, ...history, ...rooms, ...display, ...studio, ...punchClock, ...focus, ...cluster };
