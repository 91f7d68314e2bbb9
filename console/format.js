/** Formats numbers and instants for display. */

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

/** Formats an ISO 8601 instant in the browser's time zone and language. Returns an invalid value unchanged. */
export function formatInstant(iso, locale) {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return String(iso ?? '');
  return date.toLocaleString(locale, {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
  });
}

export function plural(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}
