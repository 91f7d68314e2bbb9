/** Archived days, some on each page, and all of them as CSV. */
import { formatDay } from '../calendar.js';
import { csvFile, downloadFile } from '../csv.js';
import { el, setAttribute, setText, setVisible } from '../dom.js';
import { formatMinutes, formatTime } from '../format.js';
import { t } from '../i18n/translate.js';

const PAGE_DAYS = 10;

/** The most that the server returns at once. */
const EXPORT_DAYS = 366;

const FILE_NAME = 'tickcast-days.csv';

/** `logs(query)` is that of the client. */
export function createArchive({ logs, onExportError }) {
  let page = 1;
  let latestRequest = 0;
  const title = el('h2', { id: 'archive-title', tabindex: '-1' }, t('punch.archive.title'));
  const body = el('tbody', {});
  const columns = ['punch.archive.day', 'punch.archive.hours', 'punch.archive.work', 'punch.archive.break'];
  const table = el('table', {}, el('caption', { class: 'visually-hidden' }, t('punch.archive.title')), el('thead', {}, el('tr', {}, ...columns.map((key) => el('th', { scope: 'col' }, t(key))))), body);
  const scroll = el('div', { class: 'table-scroll', role: 'region', tabindex: '0', 'aria-label': t('punch.archive.table'), hidden: true }, table);
  const note = el('p', { class: 'muted hint' }, t('punch.archive.empty'));
  const newer = el('button', { type: 'button', class: 'secondary', click: () => turn(newer, -1) }, t('punch.archive.newer'));
  const older = el('button', { type: 'button', class: 'secondary', click: () => turn(older, 1) }, t('punch.archive.older'));
  const position = el('span', { class: 'muted', role: 'status' });
  const pager = el('div', { class: 'pager', hidden: true }, newer, position, older);
  const download = el('button', { type: 'button', class: 'tertiary', hidden: true, click: () => exportDays(logs, onExportError) }, t('punch.archive.download'));

  function turn(button, step) {
    if (button.getAttribute('aria-disabled') === 'true') return;
    page += step;
    refresh();
  }

  async function refresh() {
    const request = ++latestRequest;
    const result = await logs({ limit: PAGE_DAYS, page });
    if (request !== latestRequest) return;
    setText(note, result.ok ? t('punch.archive.empty') : t('history.failed'));
    if (result.ok) render(result.value);
  }

  function render({ logs: days, pagination: { currentPage, totalPages, totalLogs, hasNextPage, hasPrevPage } }) {
    // A change of the zone, or a deletion, can leave fewer pages.
    if (days.length === 0 && page > 1) return turn(newer, 1 - page);
    body.replaceChildren(...days.map(rowOf));
    setVisible(scroll, totalLogs > 0, title);
    setVisible(download, totalLogs > 0, title);
    setVisible(note, totalLogs === 0);
    setVisible(pager, totalPages > 1, title);
    setText(position, t('punch.archive.page', { page: currentPage, pages: totalPages }));
    setAttribute(newer, 'aria-disabled', hasPrevPage ? null : 'true');
    setAttribute(older, 'aria-disabled', hasNextPage ? null : 'true');
  }

  const head = el('div', { class: 'section-head' }, title, download);
  return { node: el('section', { 'aria-labelledby': 'archive-title' }, head, note, scroll, pager), refresh };
}

/** Returns the day of a log, `YYYY-MM-DD`. */
export function dayOfLog({ date }) {
  return date.slice(0, 10);
}

function rowOf(log) {
  const { totalWorkMinutes, totalBreakMinutes } = log.dailyStats;
  return el(
    'tr',
    {},
    el('th', { scope: 'row' }, formatDay(dayOfLog(log), { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' })),
    el('td', {}, hoursOf(log)),
    el('td', {}, formatMinutes(totalWorkMinutes * 60)),
    el('td', {}, formatMinutes(totalBreakMinutes * 60)),
  );
}

/** The first and the last punch, in the reader's zone. */
function hoursOf({ entries }) {
  if (entries.length === 0) return '';
  return `${formatTime(entries[0].timestamp)} – ${entries.at(-1).type === 'OUT' ? formatTime(entries.at(-1).timestamp) : '…'}`;
}

async function exportDays(logs, onError) {
  const days = [];
  for (let page = 1, more = true; more; page += 1) {
    const result = await logs({ limit: EXPORT_DAYS, page });
    if (!result.ok) return onError();
    days.push(...result.value.logs);
    more = result.value.pagination.hasNextPage;
  }
  const rows = days.map((log) => [dayOfLog(log), log.entries[0]?.timestamp, log.entries.at(-1)?.timestamp, log.dailyStats.totalWorkMinutes, log.dailyStats.totalBreakMinutes]);
  downloadFile(csvFile(['date', 'firstPunch', 'lastPunch', 'workMinutes', 'breakMinutes'], rows), FILE_NAME);
}
