/** The table of a history: a row for each period with time in it, the newest first, and a column for each label. */
import { formatDay } from '../calendar.js';
import { el } from '../dom.js';
import { formatMinutes } from '../format.js';
import { t } from '../i18n/translate.js';

const DAY = { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' };
const WEEK = { day: 'numeric', month: 'short', year: 'numeric' };

/** Returns the name of a period, which begins with the day `start`. */
export function periodName(start, unit) {
  return unit === 'day' ? formatDay(start, DAY) : t('history.weekOf', { day: formatDay(start, WEEK) });
}

export function createHistoryTable() {
  const caption = el('caption', {});
  const head = el('thead', {});
  const body = el('tbody', {});
  const table = el('table', {}, caption, head, body);
  const node = el('div', { class: 'table-scroll', role: 'region', tabindex: '0', 'aria-label': t('history.table') }, table);

  return {
    node,
    update({ periods, series }, unit) {
      caption.textContent = t(unit === 'day' ? 'history.captionDays' : 'history.captionWeeks');
      const names = series.map(({ label }) => label ?? t('history.others'));
      const columns = [t(unit === 'day' ? 'history.day' : 'history.week'), ...names, ...withSum([t('history.total')], series)];
      head.replaceChildren(el('tr', {}, ...columns.map((name) => el('th', { scope: 'col' }, name))));
      const rows = periods.map((start, index) => ({ start, seconds: series.map((one) => one.seconds[index]) }));
      const filled = rows.filter(({ seconds }) => seconds.some((value) => value > 0)).toReversed();
      const totals = series.map(({ total }) => total);
      body.replaceChildren(...filled.map(({ start, seconds }) => rowOf(periodName(start, unit), seconds)), rowOf(t('history.total'), totals));
    },
  };
}

/** The sum of a single column would repeat it. */
function withSum(sum, columns) {
  return columns.length > 1 ? sum : [];
}

function rowOf(name, seconds) {
  const sum = seconds.reduce((total, value) => total + value, 0);
  const cells = [...seconds, ...withSum([sum], seconds)].map((value) => el('td', {}, value > 0 ? formatMinutes(value) : '–'));
  return el('tr', {}, el('th', { scope: 'row' }, name), ...cells);
}
