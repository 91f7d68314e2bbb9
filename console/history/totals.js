/** Adds up recorded times by day or week, and by label. Pure. */
import { addDays, weekStart } from '../calendar.js';

/** More labels than this are combined: neither a chart nor a table of more is readable. */
export const LABELS_MAX = 6;

const STEP_DAYS = { day: 1, week: 7 };

/**
 * Returns the totals of `rows`, `{day, label, color, seconds}` each, for every period from the day `from` to the day `to`:
 * `{periods, series, totalSeconds}`. A series is `{label, color, seconds, total}` with a number for each period; the labels with
 * most time are first. `label` is null for the combined rest. Colours may be absent.
 */
export function totalsOf(rows, { unit, from, to }) {
  const starts = periodsBetween(unit, from, to);
  const indexes = new Map(starts.map((start, index) => [start, index]));
  const byLabel = new Map();
  for (const { day, label, color, seconds } of rows) {
    const index = indexes.get(unit === 'week' ? weekStart(day) : day);
    if (index === undefined || day < from || day > to) continue;
    if (!byLabel.has(label)) byLabel.set(label, { label, color, seconds: starts.map(() => 0), total: 0 });
    const series = byLabel.get(label);
    series.seconds[index] += seconds;
    series.total += seconds;
  }
  const series = combined([...byLabel.values()].sort((a, b) => b.total - a.total || a.label.localeCompare(b.label)));
  return { periods: starts, series, totalSeconds: series.reduce((sum, { total }) => sum + total, 0) };
}

function periodsBetween(unit, from, to) {
  const starts = [];
  for (let start = unit === 'week' ? weekStart(from) : from; start <= to; start = addDays(start, STEP_DAYS[unit])) starts.push(start);
  return starts;
}

function combined(series) {
  if (series.length <= LABELS_MAX) return series;
  const rest = series.slice(LABELS_MAX - 1);
  const seconds = rest[0].seconds.map((_, index) => rest.reduce((sum, one) => sum + one.seconds[index], 0));
  const total = rest.reduce((sum, one) => sum + one.total, 0);
  return [...series.slice(0, LABELS_MAX - 1), { label: null, color: undefined, seconds, total }];
}
