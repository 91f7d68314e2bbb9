/** The links between the pages. */
import { el } from '../dom.js';
import { t } from '../i18n/translate.js';
import { isOffered } from './systems.js';

const PAGES = [
  { page: 'timers', href: '#/', name: 'page.timers' },
  { page: 'rooms', href: '#/rooms', name: 'page.rooms' },
  { page: 'studio', href: '#/studio', name: 'page.studio' },
  { page: 'punch-clock', href: '#/punch-clock', name: 'page.punchClock' },
  { page: 'focus', href: '#/focus', name: 'page.focus' },
];

/** Pages that belong to another one. */
const PARENTS = { history: 'timers', display: 'rooms' };

/** Returns the fragment of the first page that is offered, or null. */
export function firstFragment(systems) {
  return PAGES.find(({ page }) => isOffered(page, systems))?.href ?? null;
}

export function renderNavigation(nav, current, systems) {
  nav.replaceChildren(
    ...PAGES.filter(({ page }) => isOffered(page, systems)).map(({ page, href, name }) =>
      el('a', { class: 'page-link', href, 'aria-current': page === (PARENTS[current] ?? current) ? 'page' : null }, t(name)),
    ),
  );
}
