/** Starts the console: reads the page and the identity, and mounts the page. */
import { mountClockit } from './clockit/mount.js';
import { readIdentity } from './identity.js';
import { mountRooms } from './rooms/mount.js';
import { pageFromHash } from './route.js';
import { createAnnouncer } from './shell/announcer.js';
import { createConnectionStatus } from './shell/connection-status.js';
import { renderNavigation } from './shell/navigation.js';
import { createNotices } from './shell/notices.js';
import { renderUserForm, renderUserMenu } from './shell/user-form.js';

const hook = (name) => document.querySelector(`[data-${name}]`);
const main = document.querySelector('main');
const storage = localStorageOf(window);
const announce = createAnnouncer(hook('announcer'));

const shell = {
  announce,
  notify: createNotices(hook('notices'), main),
  createConnectionStatus: (options) =>
    createConnectionStatus({
      root: document.documentElement,
      chip: hook('chip'),
      chipText: hook('chip-text'),
      bar: hook('offline-bar'),
      announce,
      focusFallback: main,
      ...options,
    }),
};

const page = pageFromHash(location.hash);
renderNavigation(hook('pages'), page);
// Pages share no state, so a change of page reloads the document.
addEventListener('hashchange', () => pageFromHash(location.hash) !== page && location.reload());

const identity = readIdentity(location.search, storage);
if (page === 'rooms') {
  mountRooms(main, identity, storage, shell);
} else if (identity) {
  renderUserMenu(hook('user'), identity, storage);
  mountClockit(main, identity, storage, shell);
} else {
  renderUserForm(main, storage);
}

/** Reading the property throws in a browser that forbids storage. */
function localStorageOf(window) {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}
