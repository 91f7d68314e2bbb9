/** The links between the pages. */
import { el } from '../dom.js';

const PAGES = [
  { page: 'timers', href: '#/', name: 'Timers' },
  { page: 'rooms', href: '#/rooms', name: 'Rooms' },
];

export function renderNavigation(nav, current) {
  nav.replaceChildren(
    ...PAGES.map(({ page, href, name }) =>
      el('a', { class: 'page-link', href, 'aria-current': page === current ? 'page' : null }, name),
    ),
  );
}
