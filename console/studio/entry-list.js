/** The filtered list of entries with their costs, and its export as CSV. */
import { csvFile, downloadFile } from '../csv.js';
import { el, setText, setVisible } from '../dom.js';
import { formatHours, formatInstant, formatMinutes, formatMoney, formatTime } from '../format.js';
import { t } from '../i18n/translate.js';
import { costOf } from '../lib/tickcast/studio/index.js';
import { createFilters } from './filters.js';
import { targetName } from './target.js';
import { createTaskName } from './task-type.js';

const PAGE_ENTRIES = 50;

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
    const result = await entries({ ...filter, limit: PAGE_ENTRIES, ...(isMore ? { cursor } : {}) });
    if (request !== latestRequest) return;
    if (!result.ok) return setText(sum, t('history.failed'));
    shown = isMore ? [...shown, ...result.value.entries] : result.value.entries;
    cursor = result.value.nextCursor;
    render(result.value.stats);
  }

  function render({ totalHours, totalCost }) {
    const losesFocus = body.contains(document.activeElement);
    body.replaceChildren(...shown.map((entry) => rowOf(entry, correct)));
    setText(sum, shown.length === 0 ? t('studio.list.empty') : t('studio.list.sum', { hours: formatHours(totalHours * 3600), cost: formatMoney(totalCost) }));
    setVisible(scroll, shown.length > 0, title);
    setVisible(more, cursor !== undefined, title);
    if (losesFocus) title.focus();
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

function rowOf(entry, correct) {
  const { startTime, endTime, durationMinutes, notes, manuallyAdjusted, taskType } = entry;
  const task = createTaskName();
  task.update(taskType);
  const name = `${taskType?.name ?? t('studio.unknownType')}, ${formatInstant(startTime)}`;
  const button = el('button', { type: 'button', class: 'tertiary', 'aria-label': t('studio.correctNamed', { name }), click: () => correct(entry, button) }, t('studio.correct'));
  const mark = manuallyAdjusted ? el('span', { class: 'adjusted' }, t('studio.list.adjusted')) : null;
  return el(
    'tr',
    {},
    el('th', { scope: 'row' }, `${formatInstant(startTime)}${endTime ? ` – ${formatTime(endTime)}` : ''}`),
    el('td', {}, task.node, notes ? el('span', { class: 'muted entry-note' }, notes) : null),
    el('td', {}, targetName(entry)),
    el('td', {}, durationMinutes === null ? t('studio.list.running') : formatMinutes(durationMinutes * 60), mark),
    el('td', {}, durationMinutes === null ? '' : formatMoney(priceOf(entry))),
    el('td', {}, button),
  );
}

function priceOf({ durationMinutes, hourlyRateSnapshot }) {
  return costOf(durationMinutes, hourlyRateSnapshot).formattedCost.slice(1);
}

function cellsOf(entry) {
  const cost = entry.durationMinutes === null ? '' : Number(priceOf(entry));
  const values = { ...entry, taskType: entry.taskType?.name ?? '', hourlyRate: Number(entry.hourlyRateSnapshot), cost };
  return COLUMNS.map((column) => values[column]);
}
