/** The links between the pages. */
import { el } from '../dom.js';
import { t } from '../i18n/translate.js';

const PAGES = [
  { page: 'timers', href: '#/', name: 'page.timers' },
  { page: 'rooms', href: '#/rooms', name: 'page.rooms' },
  { page: 'studio', href: '#/studio', name: 'page.studio' },
  { page: 'punch-clock', href: '#/punch-clock', name: 'page.punchClock' },
  { page: 'focus', href: '#/focus', name: 'page.focus' },
];

/** Pages that belong to another one. */
const PARENTS = { history: 'timers', display: 'rooms' };

export function renderNavigation(nav, current) {
  nav.replaceChildren(
    ...PAGES.map(({ page, href, name }) =>
      el('a', { class: 'page-link', href, 'aria-current': page === (PARENTS[current] ?? current) ? 'page' : null }, t(name)),
    ),
  );
}
