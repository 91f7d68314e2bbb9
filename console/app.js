/** Starts the console: finds out which page is asked for, and who it is for, and mounts it. */
import { mountClockit } from './clockit/mount.js';
import { createAnnouncer } from './frame/announce.js';
import { createLink } from './frame/link.js';
import { createNotices } from './frame/notices.js';
import { showPages } from './frame/pages.js';
import { askWho, showWho } from './frame/who.js';
import { readIdentity } from './identity.js';
import { mountRooms } from './rooms/mount.js';
import { pageOf } from './route.js';

const part = (name) => document.querySelector(`[data-${name}]`);
const main = document.querySelector('main');
const storage = storageOf(window);
const announce = createAnnouncer(part('announcer'));

const frame = {
  announce,
  notify: createNotices(part('notices'), main),
  createLink: (options) =>
    createLink({
      root: document.documentElement,
      chip: part('chip'),
      chipText: part('chip-text'),
      bar: part('bar'),
      announce,
      refuge: main,
      ...options,
    }),
};

const page = pageOf(location.hash);
showPages(part('pages'), page);
// Pages share nothing: another one begins anew.
addEventListener('hashchange', () => pageOf(location.hash) !== page && location.reload());

const who = readIdentity(location.search, storage);
if (page === 'rooms') {
  mountRooms(main, who, storage, frame);
} else if (who) {
  showWho(part('who'), who, storage);
  mountClockit(main, who, frame);
} else {
  askWho(main, storage);
}

/** A browser that forbids storage throws at the mere look at it. */
function storageOf(window) {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}
