/** A history: bars by day or week and label, and the same numbers as a table. What it shows comes from `load`. */
import { addDays, dayOf } from '../calendar.js';
import { el, setText, setVisible } from '../dom.js';
import { createField, createSelect } from '../field.js';
import { formatMinutes } from '../format.js';
import { t } from '../i18n/translate.js';
import { createHistoryTable, periodName } from './history-table.js';
import { totalsOf } from './totals.js';

const RANGES = [
  { days: 7, unit: 'day', name: 'history.range.week' },
  { days: 28, unit: 'day', name: 'history.range.month' },
  { days: 84, unit: 'week', name: 'history.range.quarter' },
  { days: 364, unit: 'week', name: 'history.range.year' },
];

const UNITS = { day: 'history.byDay', week: 'history.byWeek' };

/** Combines several changes into one request, and gives the server time to store them. */
const DEBOUNCE_MS = 300;

/**
 * `load({from, to})` returns `{ok, rows, isComplete}`; rows are those of `totalsOf`. `actions` stand beside the title. `id`
 * differs between the histories of a page.
 */
export function createHistoryView({ id, title, emptyText, load, actions = [] }) {
  const [, initial] = RANGES;
  const range = createSelect({ id: `${id}-range`, options: RANGES.map(({ days, name }) => [days, t(name)]), value: initial.days });
  const unit = createSelect({ id: `${id}-unit`, options: Object.entries(UNITS).map(([value, name]) => [value, t(name)]), value: initial.unit });
  const readout = el('p', { class: 'chart-readout' });
  const legend = el('ul', { class: 'legend' });
  const table = createHistoryTable();
  const chartSlot = el('div', {});
  const note = el('p', { class: 'muted hint', role: 'status' });
  const content = el('div', { class: 'history-content', hidden: true }, readout, chartSlot, legend, table.node);
  let chart = null;
  let rows = [];
  let totals = null;
  let latestRequest = 0;
  let timer = null;

  range.addEventListener('change', () => {
    unit.value = RANGES.find(({ days }) => days === Number(range.value)).unit;
    refresh();
  });
  unit.addEventListener('change', render);

  async function refresh() {
    const request = ++latestRequest;
    const result = await load(currentRange());
    if (request !== latestRequest) return;
    if (result.ok) rows = result.rows;
    setText(note, noteOf(result));
    if (result.ok) await render();
  }

  function noteOf({ ok, isComplete }) {
    if (!ok) return t('history.failed');
    if (rows.length === 0) return emptyText;
    if (rows.every(({ seconds }) => seconds === 0)) return t('history.noTime');
    return isComplete ? '' : t('history.partial', { count: rows.length });
  }

  async function render() {
    totals = totalsOf(rows, { unit: unit.value, ...currentRange() });
    setVisible(content, totals.totalSeconds > 0);
    if (totals.totalSeconds === 0) return;
    table.update(totals, unit.value);
    legend.replaceChildren(...totals.series.map(legendEntry));
    showPoint(null);
    chart ??= createChart();
    (await chart)?.update(totals, unit.value);
  }

  /** The plotting library is loaded when there is something to plot. While it cannot be loaded, there is the table. */
  async function createChart() {
    try {
      return await loadChart();
    } catch {
      chart = null;
      return null;
    }
  }

  async function loadChart() {
    const { createBarChart } = await import('./bar-chart.js');
    const created = createBarChart({ onPoint: showPoint });
    chartSlot.replaceChildren(created.node);
    return created;
  }

  function showPoint(index) {
    if (index === null || totals.periods[index] === undefined) {
      return setText(readout, t('history.sum', { time: formatMinutes(totals.totalSeconds) }));
    }
    const seconds = totals.series.reduce((sum, one) => sum + one.seconds[index], 0);
    setText(readout, t('history.sumOf', { period: periodName(totals.periods[index], unit.value), time: formatMinutes(seconds) }));
  }

  function currentRange() {
    const to = dayOf(Date.now());
    return { from: addDays(to, 1 - Number(range.value)), to };
  }

  const head = el('div', { class: 'section-head' }, el('h2', { id: `${id}-title` }, title), el('div', { class: 'section-actions' }, ...actions));
  const controls = el('div', { class: 'history-controls' }, createField(t('history.range'), range), createField(t('history.unit'), unit));
  return {
    node: el('section', { class: 'history-chart', 'aria-labelledby': `${id}-title` }, head, controls, note, content),
    refresh() {
      clearTimeout(timer);
      timer = setTimeout(refresh, DEBOUNCE_MS);
    },
  };
}

function legendEntry({ label, color, total }, index) {
  const swatch = el('span', { class: `swatch swatch-${index + 1}`, 'aria-hidden': 'true' });
  if (color) swatch.style.backgroundColor = color;
  return el('li', {}, swatch, el('span', { class: 'legend-name' }, label ?? t('history.others')), el('span', { class: 'muted' }, formatMinutes(total)));
}
