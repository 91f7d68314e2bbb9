/** Texts for durations of a working day. */

/** Returns `HH:MM:SS`. Hours may have more digits. */
export function formatSecondsToHMS(seconds: number): string {
  const whole = wholeNumber(seconds);
  return [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60].map((part) => String(part).padStart(2, '0')).join(':');
}

/** Returns `7h 30m`. */
export function formatMinutesToHours(minutes: number): string {
  const whole = wholeNumber(minutes);
  return `${Math.floor(whole / 60)}h ${whole % 60}m`;
}

/** Durations are not negative, and a page displays no `NaN`. */
function wholeNumber(value: number): number {
  return Number.isFinite(value) ? Math.max(0, Math.floor(value)) : 0;
}
