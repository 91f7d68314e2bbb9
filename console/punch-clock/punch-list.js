/** The punches of the day, each with the time until the next one. */
import { el, setAttribute, setText, setVisible } from '../dom.js';
import { formatMinutes, formatTime } from '../format.js';
import { t } from '../i18n/translate.js';
import { createKeyedList } from '../keyed-list.js';

const TYPES = { IN: 'punch.in', OUT: 'punch.out' };

export function createPunchList() {
  const title = el('h2', { id: 'punches-title', tabindex: '-1' }, t('punch.list.title'));
  const list = el('ol', { class: 'punches', 'aria-labelledby': 'punches-title' });
  const empty = el('p', { class: 'muted hint' }, t('punch.list.empty'));
  const updateList = createKeyedList(list, { create: createPunch, onFocusLost: () => title.focus() });
  return {
    node: el('section', { 'aria-labelledby': 'punches-title' }, el('div', { class: 'section-head' }, title), list, empty),
    /** `pendingIds` are those of the punches that the server has not stored yet. */
    update({ entries, spans, pendingIds }) {
      const spanById = new Map(spans.map((span) => [span.id, span]));
      const punches = entries.map((entry) => ({ ...entry, span: spanById.get(entry.id), isPending: pendingIds.has(entry.id) }));
      updateList(punches.toReversed(), ({ id }) => id);
      setVisible(empty, entries.length === 0);
    },
  };
}

function createPunch() {
  const time = el('time', { class: 'punch-time' });
  const type = el('span', { class: 'punch-type' });
  const length = el('span', { class: 'muted' });
  const pending = el('span', { class: 'punch-pending' }, t('punch.list.pending'));
  const node = el('li', { class: 'punch' }, time, type, length, pending);
  return {
    node,
    update(punch) {
      setText(time, formatTime(punch.timestamp));
      setAttribute(time, 'datetime', new Date(punch.timestamp).toISOString());
      setText(type, t(TYPES[punch.type]));
      setAttribute(node, 'data-type', punch.type);
      setText(length, lengthOf(punch.span));
      setVisible(pending, punch.isPending);
    },
  };
}

function lengthOf(span) {
  if (!span) return t('punch.list.ignored');
  return span.to === null ? '' : formatMinutes((span.to - span.from) / 1000);
}
