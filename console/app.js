/** Starts the console: reads the language, the page and the identity, and mounts the page. */
import { el } from './dom.js';
import { LANGUAGES, setLanguage, t } from './i18n/translate.js';
import { localeOf, readLanguage } from './i18n/language.js';
import { readIdentity } from './identity.js';
import { pageFromHash } from './route.js';
import { createAnnouncer } from './shell/announcer.js';
import { createConnectionStatus } from './shell/connection-status.js';
import { renderLanguageMenu } from './shell/language-menu.js';
import { firstFragment, renderNavigation } from './shell/navigation.js';
import { createNotices } from './shell/notices.js';
import { translateDocument } from './shell/static-texts.js';
import { isOffered, readSystems } from './shell/systems.js';
import { renderUserForm, renderUserMenu } from './shell/user-form.js';
import { storageOf } from './storage.js';

/** The pages, each with the modules that only it needs. */
const PAGES = {
  timers: { needsUser: true, load: () => import('./clockit/mount.js') },
  history: { needsUser: true, load: () => import('./clockit/history-mount.js') },
  rooms: { needsUser: false, load: () => import('./rooms/mount.js') },
  display: { needsUser: false, load: () => import('./display/mount.js') },
  focus: { needsUser: true, load: () => import('./focus/mount.js') },
  studio: { needsUser: false, load: () => import('./studio/mount.js') },
  'punch-clock': { needsUser: true, load: () => import('./punch-clock/mount.js') },
};

const hook = (name) => document.querySelector(`[data-${name}]`);
const main = document.querySelector('main');
const storage = storageOf(window, 'localStorage');
const announce = createAnnouncer(hook('announcer'));

const language = readLanguage({ storage, preferred: navigator.languages, supported: LANGUAGES });
setLanguage(language, localeOf(language, navigator.languages));
translateDocument(document, language);
renderLanguageMenu(hook('language'), language, storage);

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

const systems = await readSystems();
const needsFragment = !location.hash && !isOffered(pageFromHash(''), systems);
if (needsFragment) history.replaceState(null, '', firstFragment(systems) ?? location.href);
const page = pageFromHash(location.hash);
renderNavigation(hook('pages'), page, systems);
// Pages share no state, so a change of page reloads the document.
addEventListener('hashchange', () => pageFromHash(location.hash) !== page && location.reload());

const identity = readIdentity(location.search, storage);
const { needsUser, load } = PAGES[page];
if (!isOffered(page, systems)) {
  main.replaceChildren(el('p', { class: 'loading' }, t('shell.disabled')));
} else if (needsUser && !identity) {
  renderUserForm(main, storage);
} else {
  if (identity && page !== 'rooms' && page !== 'display') renderUserMenu(hook('user'), identity, storage);
  const { mount } = await load();
  mount(main, identity, storage, shell);
}
