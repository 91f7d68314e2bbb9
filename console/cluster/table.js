/** A table whose rows are updated in place, and which becomes a list on a narrow screen. */
import { el, setAttribute, setText } from '../dom.js';
import { createKeyedList } from '../keyed-list.js';

/**
 * `columns` are `{label, cell(item)}`, of which the first names the row. A cell is a text, or
 * `{text, note, badge, trouble}`. `rowState` returns the state of a row, for styles and tests.
 *
 * The roles are explicit: the styles of a narrow screen take those of a table away.
 */
export function createTable({ caption, columns, rowState = () => undefined }) {
  const head = columns.map(({ label }) => el('th', { scope: 'col', role: 'columnheader' }, label));
  const body = el('tbody', { role: 'rowgroup' });
  const node = el(
    'table',
    { class: 'grid', role: 'table', 'aria-label': caption },
    el('thead', { role: 'rowgroup' }, el('tr', { role: 'row' }, ...head)),
    body,
  );
  const update = createKeyedList(body, { create: () => createRow(columns, rowState) });
  return { node, update };
}

function createRow(columns, rowState) {
  const cells = columns.map(({ label }, index) => createCell(label, index === 0));
  const node = el('tr', { role: 'row' }, ...cells.map((cell) => cell.node));
  return {
    node,
    update(item) {
      setAttribute(node, 'data-state', rowState(item));
      columns.forEach(({ cell }, index) => cells[index].update(cell(item)));
    },
  };
}

function createCell(label, isHead) {
  const text = el('span');
  const note = el('span', { class: 'cell-note' });
  const role = isHead ? 'rowheader' : 'cell';
  const node = el(isHead ? 'th' : 'td', { role, scope: isHead && 'row', 'data-label': label }, text, note);
  return {
    node,
    update(value) {
      const cell = value !== null && typeof value === 'object' ? value : { text: value };
      setAttribute(text, 'class', cell.badge ? 'badge' : null);
      setAttribute(text, 'data-trouble', cell.badge ? String(Boolean(cell.trouble)) : null);
      setText(text, cell.text ?? '–');
      setText(note, cell.note || '');
      note.hidden = !cell.note;
    },
  };
}
