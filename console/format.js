/** Turns numbers and instants into the text people read. */

const two = (n) => String(n).padStart(2, '0');

/** Whole seconds of a duration as `HH:MM:SS`; hours grow past two digits and never wrap. */
export function hms(ms) {
  const total = Math.max(0, Math.floor(ms / 1000)) || 0;
  return `${two(Math.floor(total / 3600))}:${two(Math.floor(total / 60) % 60)}:${two(total % 60)}`;
}

/** Whole seconds that are left, rounded up, as `M:SS`, from an hour on as `H:MM:SS`. */
export function left(ms) {
  const total = Math.max(0, Math.ceil(ms / 1000)) || 0;
  const [hours, minutes, seconds] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`;
}

/** The second hand: 0 to 59. */
export function secondOf(ms) {
  return Math.max(0, Math.floor(ms / 1000)) % 60 || 0;
}

/** An ISO instant in the reader's zone and language; what cannot be read as one comes back as it is. */
export function instant(iso, locale) {
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
