/** Leads from one page to the other. */
import { el } from '../dom.js';

const PAGES = [
  { page: 'timers', address: '#/', name: 'Timers' },
  { page: 'rooms', address: '#/rooms', name: 'Rooms' },
];

export function showPages(nav, current) {
  nav.replaceChildren(
    ...PAGES.map(({ page, address, name }) =>
      el('a', { class: 'page-link', href: address, 'aria-current': page === current ? 'page' : null }, name),
    ),
  );
}
