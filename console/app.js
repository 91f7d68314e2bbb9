/** Starts the console: finds out who it is for and mounts the page for that person. */
import { mountClockit } from './clockit/mount.js';
import { createAnnouncer } from './frame/announce.js';
import { createLink } from './frame/link.js';
import { createNotices } from './frame/notices.js';
import { askWho, showWho } from './frame/who.js';
import { readIdentity } from './identity.js';

const part = (name) => document.querySelector(`[data-${name}]`);
const main = document.querySelector('main');
const storage = storageOf(window);
const announce = createAnnouncer(part('announcer'));

const who = readIdentity(location.search, storage);
if (who) {
  showWho(part('who'), who, storage);
  mountClockit(main, who, {
    announce,
    notify: createNotices(part('notices'), main),
    createLink: (onRetry) =>
      createLink({
        root: document.documentElement,
        chip: part('chip'),
        chipText: part('chip-text'),
        bar: part('bar'),
        announce,
        refuge: main,
        onRetry,
      }),
  });
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
