/** The filtered list of entries with their costs, and its export as CSV. */
import { csvFile, downloadFile } from '../csv.js';
import { el, setAttribute, setText, setVisible } from '../dom.js';
import { formatHours, formatInstant, formatMinutes, formatMoney, formatTime } from '../format.js';
import { t } from '../i18n/translate.js';
import { createKeyedList } from '../keyed-list.js';
import { costOf } from '../lib/tickcast/studio/index.js';
import { createFilters } from './filters.js';
import { targetName } from './target.js';
import { createTaskName } from './task-type.js';

const PAGE_ENTRIES = 50;

/** The most that the server returns at once. */
const ENTRIES_MAX = 1_000;

/** Combines several changes into one request. */
const DEBOUNCE_MS = 300;

const FILE_NAME = 'tickcast-entries.csv';

const COLUMNS = ['startTime', 'endTime', 'taskType', 'sessionId', 'projectId', 'trackId', 'durationMinutes', 'hourlyRate', 'cost', 'billable', 'manuallyAdjusted', 'createdBy', 'notes'];

const HEADINGS = ['studio.list.start', 'studio.list.task', 'studio.list.target', 'studio.list.length', 'studio.list.cost', 'studio.list.actions'];

/** `entries(filter)` is that of the client; `correct(entry, opener)` opens a correction. */
export function createEntryList({ entries, correct, onExportError }) {
  let shown = [];
  let cursor;
  let latestRequest = 0;
  let timer = null;
  const filters = createFilters({ onChange: refresh });
  const title = el('h2', { id: 'entries-title', tabindex: '-1' }, t('studio.list.title'));
  const download = el('button', { type: 'button', class: 'tertiary', click: exportEntries }, t('studio.list.download'));
  const sum = el('p', { class: 'chart-readout', role: 'status', 'data-total': true });
  const body = el('tbody', {});
  const updateRows = createKeyedList(body, { create: () => createRow(correct), onFocusLost: () => title.focus() });
  const head = el('thead', {}, el('tr', {}, ...HEADINGS.map((key) => el('th', { scope: 'col' }, t(key)))));
  const table = el('table', { class: 'entry-table' }, el('caption', { class: 'visually-hidden' }, t('studio.list.title')), head, body);
  const scroll = el('div', { class: 'table-scroll', role: 'region', tabindex: '0', 'aria-label': t('studio.list.table') }, table);
  const more = el('button', { type: 'button', class: 'secondary', click: () => load({ isMore: true }) }, t('studio.list.more'));

  function refresh() {
    clearTimeout(timer);
    timer = setTimeout(load, DEBOUNCE_MS);
  }

  async function load({ isMore = false } = {}) {
    const filter = filters.read();
    if (!filter) return;
    const request = ++latestRequest;
    // A refresh keeps what the reader has loaded.
    const page = isMore ? { limit: PAGE_ENTRIES, cursor } : { limit: Math.min(ENTRIES_MAX, Math.max(PAGE_ENTRIES, shown.length)) };
    const result = await entries({ ...filter, ...page });
    if (request !== latestRequest) return;
    if (!result.ok) return setText(sum, t('history.failed'));
    shown = isMore ? [...shown, ...result.value.entries] : result.value.entries;
    cursor = result.value.nextCursor;
    render(result.value.stats);
  }

  function render({ totalHours, totalCost }) {
    updateRows(shown, ({ id }) => id);
    setText(sum, shown.length === 0 ? t('studio.list.empty') : t('studio.list.sum', { hours: formatHours(totalHours * 3600), cost: formatMoney(totalCost) }));
    setVisible(scroll, shown.length > 0, title);
    setVisible(more, cursor !== undefined, title);
  }

  async function exportEntries() {
    const filter = filters.read();
    if (!filter) return;
    const result = await entries(filter);
    if (!result.ok) return onExportError();
    downloadFile(csvFile(COLUMNS, result.value.entries.map(cellsOf)), FILE_NAME);
  }

  return {
    node: el('section', { class: 'entry-list', 'aria-labelledby': 'entries-title' }, el('div', { class: 'section-head' }, title, download), filters.node, sum, scroll, more),
    setTaskTypes: filters.setTaskTypes,
    refresh,
  };
}

function createRow(correct) {
  let current;
  const time = el('th', { scope: 'row' });
  const task = createTaskName();
  const note = el('span', { class: 'muted entry-note' });
  const target = el('td', {});
  const length = el('span', {});
  const mark = el('span', { class: 'adjusted' }, t('studio.list.adjusted'));
  const cost = el('td', {});
  const button = el('button', { type: 'button', class: 'tertiary', click: () => correct(current, button) }, t('studio.correct'));
  const node = el('tr', {}, time, el('td', {}, task.node, note), target, el('td', {}, length, mark), cost, el('td', {}, button));

  return {
    node,
    update(entry) {
      current = entry;
      const { startTime, endTime, durationMinutes, notes, manuallyAdjusted, taskType } = entry;
      const isRunning = durationMinutes === null;
      task.update(taskType);
      setText(time, `${formatInstant(startTime)}${endTime ? ` – ${formatTime(endTime)}` : ''}`);
      setText(note, notes ?? '');
      setVisible(note, Boolean(notes));
      setText(target, targetName(entry));
      setText(length, isRunning ? t('studio.list.running') : formatMinutes(durationMinutes * 60));
      setVisible(mark, manuallyAdjusted);
      setText(cost, isRunning ? '' : formatMoney(priceOf(entry)));
      setAttribute(button, 'aria-label', t('studio.correctNamed', { name: `${taskType?.name ?? t('studio.unknownType')}, ${formatInstant(startTime)}` }));
    },
  };
}

function priceOf({ durationMinutes, hourlyRateSnapshot }) {
  return costOf(durationMinutes, hourlyRateSnapshot).formattedCost.slice(1);
}

function cellsOf(entry) {
  const cost = entry.durationMinutes === null ? '' : Number(priceOf(entry));
  const values = { ...entry, taskType: entry.taskType?.name ?? '', hourlyRate: Number(entry.hourlyRateSnapshot), cost };
  return COLUMNS.map((column) => values[column]);
}
