/** The dial of a session: an outer ring of twelve fixed dots, and an inner ring of sixty that light up each second. */
import { setAttribute, svg } from '../dom.js';
import { secondOfMinute } from '../format.js';

export function createDial() {
  const rotated = { cx: 50, cy: 50, transform: 'rotate(-90 50 50)' };
  const ring = { ...rotated, r: 39, pathLength: 60 };
  const lit = svg('circle', { class: 'dial-lit', ...ring });
  const node = svg(
    'svg',
    { class: 'dial', viewBox: '0 0 100 100', 'aria-hidden': 'true' },
    svg('circle', { class: 'dial-hours', ...rotated, r: 47, pathLength: 12, 'stroke-dasharray': dots(12) }),
    svg('circle', { class: 'dial-dots', ...ring, 'stroke-dasharray': dots(60) }),
    lit,
    svg('circle', { class: 'dial-running', cx: 50, cy: 50, r: 7 }),
    svg('path', { class: 'dial-paused', d: 'M41 38v24M59 38v24' }),
    svg('rect', { class: 'dial-stopped', x: 39, y: 39, width: 22, height: 22, rx: 3 }),
  );
  return { node, update: (elapsedMs) => setAttribute(lit, 'stroke-dasharray', dots(secondOfMinute(elapsedMs) + 1)) };
}

/** Dashes of almost no length, which round caps turn into dots, then a gap over the rest of the ring. */
function dots(count) {
  return `${'0.01 0.99 '.repeat(count - 1)}0.01 60`;
}
