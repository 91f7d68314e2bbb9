/** Today: the ring of work against the target, the state of the person, and the button that changes it. */
import { el, setAttribute, setText, setVisible } from '../dom.js';
import { formatElapsed, formatMinutes, formatTime } from '../format.js';
import { t } from '../i18n/translate.js';
import { createRing } from '../ring.js';

const RINGS = [
  { name: 'work', radius: 45 },
  { name: 'break', radius: 39 },
];

/** `punch(type)` is called with `IN` or `OUT`. */
export function createToday({ punch }) {
  let type = 'IN';
  const ring = createRing(RINGS);
  const status = el('p', { class: 'today-status', 'data-status': true });
  const work = el('p', { class: 'today-work', role: 'timer', 'aria-label': t('punch.today.work'), 'data-work': true });
  const target = el('p', { class: 'muted today-target' });
  const since = el('p', { class: 'today-since' });
  const rest = el('dd', { 'data-break': true });
  const left = el('dd', {});
  const toggle = el('button', { type: 'button', class: 'primary', click: onClick }, t('punch.clockIn'));
  const pending = el('p', { class: 'pending', 'data-pending': true });
  const facts = el('dl', { class: 'today-facts' }, fact('work', t('punch.today.left'), left), fact('break', t('punch.today.break'), rest));
  const text = el('div', { class: 'today-text' }, status, work, target);
  const display = el('div', { class: 'today-display' }, ring.node, text);
  const controls = el('div', { class: 'today-controls' }, since, toggle, pending, facts);
  const node = el('section', { class: 'today', 'aria-label': t('punch.today.title') }, display, controls);

  function onClick(event) {
    // The second click of a double click would undo the first, because the button's meaning has changed by then.
    if (event.detail <= 1 && toggle.getAttribute('aria-disabled') !== 'true') punch(type);
  }

  return {
    node,
    update({ day, totals, runSeconds, targetSeconds, pendingCount, pendingIsStored }) {
      const isIn = day.currentStatus === 'IN';
      const start = totals.spans.at(-1)?.from;
      type = isIn ? 'OUT' : 'IN';
      ring.update('work', totals.workMs / 1000 / targetSeconds);
      ring.update('break', totals.breakMs / 1000 / targetSeconds);
      setAttribute(node, 'data-status', day.currentStatus);
      setText(status, statusText(isIn, start));
      setText(work, formatElapsed(totals.workMs));
      setText(target, t('punch.today.of', { time: formatMinutes(targetSeconds) }));
      setText(since, start === undefined ? '' : t('punch.today.run', { start: formatTime(start), time: formatElapsed(runSeconds * 1000) }));
      setText(rest, formatMinutes(totals.breakMs / 1000));
      setText(left, leftText(targetSeconds - totals.workMs / 1000));
      setText(toggle, t(isIn ? 'punch.clockOut' : 'punch.clockIn'));
      setText(pending, pendingCount > 0 ? t(pendingIsStored ? 'punch.pending' : 'punch.pendingUnstored', { count: pendingCount }) : '');
      setVisible(facts, totals.spans.length > 0);
    },
  };
}

function statusText(isIn, start) {
  if (isIn) return t('punch.status.in');
  return t(start === undefined ? 'punch.status.new' : 'punch.status.out');
}

function leftText(seconds) {
  return seconds > 0 ? t('punch.today.leftTime', { time: formatMinutes(seconds) }) : t('punch.today.over', { time: formatMinutes(-seconds) });
}

function fact(name, label, value) {
  return el('div', {}, el('dt', {}, el('span', { class: `swatch ring-swatch-${name}`, 'aria-hidden': 'true' }), label), value);
}
