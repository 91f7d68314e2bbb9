/**
 * The German texts of all pages.
 * @type {Record<import('./translate.js').MessageKey, string | Record<string, string>>}
 */
import { clockit } from './de/clockit.js';
import { rooms } from './de/rooms.js';
import { shell } from './de/shell.js';

export const messages = { ...shell, ...clockit, ...rooms };
