/** Days of a calendar as texts `YYYY-MM-DD`, which no zone or clock change moves. */
import { locale } from './i18n/translate.js';

const DAY_MS = 86_400_000;

const MONDAY = 1;

/** Returns the day of an instant in the reader's zone. */
export function dayOf(instant) {
  const date = new Date(instant);
  return isoDay(Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()));
}

export function addDays(day, count) {
  return isoDay(Date.parse(day) + count * DAY_MS);
}

/** Returns the first day of a day's week. `firstWeekday` is 1 for Monday to 7 for Sunday. */
export function weekStart(day, firstWeekday = firstWeekdayOf(locale())) {
  const weekday = new Date(day).getUTCDay() || 7;
  return addDays(day, -((weekday - firstWeekday + 7) % 7));
}

/** Returns the instant at which a day begins in the reader's zone. */
export function startOfDay(day) {
  const [year, month, date] = day.split('-').map(Number);
  return new Date(year, month - 1, date).getTime();
}

/** Formats a day, by the options of `Intl.DateTimeFormat`. */
export function formatDay(day, options = { weekday: 'short', day: 'numeric', month: 'short' }) {
  return new Intl.DateTimeFormat(locale(), { ...options, timeZone: 'UTC' }).format(new Date(day));
}

/** Returns the day with which weeks begin in a locale. */
function firstWeekdayOf(tag) {
  const info = new Intl.Locale(tag);
  // Older browsers have a property instead of the function, and some have neither.
  return (info.getWeekInfo?.() ?? info.weekInfo)?.firstDay ?? MONDAY;
}

function isoDay(ms) {
  return new Date(ms).toISOString().slice(0, 10);
}
