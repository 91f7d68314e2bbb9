/** The English texts of all pages. */
import { clockit } from './en/clockit.js';
import { rooms } from './en/rooms.js';
import { shell } from './en/shell.js';

export const messages = { ...shell, ...clockit, ...rooms };
