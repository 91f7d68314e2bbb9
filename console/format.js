/** Formats numbers and instants for display. */
import { locale } from './i18n/translate.js';

const pad2 = (n) => String(n).padStart(2, '0');

/** Formats a duration in whole seconds as `HH:MM:SS`. Hours grow past two digits and never wrap. */
export function formatElapsed(ms) {
  const total = Math.max(0, Math.floor(ms / 1000)) || 0;
  return `${pad2(Math.floor(total / 3600))}:${pad2(Math.floor(total / 60) % 60)}:${pad2(total % 60)}`;
}

/** Formats a remaining time as `M:SS`, or as `H:MM:SS` from one hour. Rounds up to whole seconds. */
export function formatRemaining(ms) {
  const total = Math.max(0, Math.ceil(ms / 1000)) || 0;
  const [hours, minutes, seconds] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  return hours > 0 ? `${hours}:${pad2(minutes)}:${pad2(seconds)}` : `${minutes}:${pad2(seconds)}`;
}

/** The second within the minute: 0 to 59. */
export function secondOfMinute(ms) {
  return Math.max(0, Math.floor(ms / 1000)) % 60 || 0;
}

/** Formats an ISO 8601 instant in the browser's time zone. Returns an invalid value unchanged. */
export function formatInstant(iso) {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return String(iso ?? '');
  return date.toLocaleString(locale(), {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
  });
}

/** Formats a duration in hours and minutes, such as `7h 30m`. Rounds to whole minutes. */
export function formatMinutes(seconds) {
  const total = Math.round(Math.max(0, seconds) / 60) || 0;
  const [hours, minutes] = [Math.floor(total / 60), total % 60];
  const parts = [hours > 0 ? unitOf(hours, 'hour') : '', minutes > 0 || hours === 0 ? unitOf(minutes, 'minute') : ''];
  return parts.filter(Boolean).join(' ');
}

/** Formats a duration in hours with at most two decimals, such as `7.5h`. */
export function formatHours(seconds) {
  return unitOf(seconds / 3600, 'hour');
}

/** Formats an instant as a time of the day in the reader's zone. */
export function formatTime(instant, options = { hour: '2-digit', minute: '2-digit' }) {
  return new Date(instant).toLocaleTimeString(locale(), options);
}

function unitOf(value, unit) {
  return new Intl.NumberFormat(locale(), { style: 'unit', unit, unitDisplay: 'narrow', maximumFractionDigits: 2 }).format(value);
}

/** Formats a share as a percentage without decimals. */
export function formatPercent(share) {
  return new Intl.NumberFormat(locale(), { style: 'percent' }).format(share);
}

/** Formats an amount in the currency of the studio, which the server writes as dollars. */
export function formatMoney(amount) {
  return new Intl.NumberFormat(locale(), { style: 'currency', currency: 'USD', currencyDisplay: 'narrowSymbol' }).format(Number(amount));
}
