/** Two fields for the minutes and seconds of a duration. */
import { el } from '../dom.js';
import { t } from '../i18n/translate.js';

const DEFAULT_MINUTES = 25;
const MINUTES_MAX = 1_440;

export function createDurationInput(id) {
  const minutes = createField(`${id}-minutes`, DEFAULT_MINUTES, MINUTES_MAX);
  const seconds = createField(`${id}-seconds`, 0, 59);
  return {
    node: el(
      'div',
      { class: 'duration' },
      el('div', { class: 'field' }, el('label', { for: minutes.id }, t('rooms.duration.minutes')), minutes),
      el('div', { class: 'field' }, el('label', { for: seconds.id }, t('rooms.duration.seconds')), seconds),
    ),
    seconds: () => minutes.valueAsNumber * 60 + (seconds.valueAsNumber || 0) || 0,
    /** Sets the fields, unless the user is editing one of them. */
    setSeconds(total) {
      if (minutes.matches(':focus') || seconds.matches(':focus')) return;
      minutes.value = Math.floor(total / 60);
      seconds.value = total % 60;
    },
  };
}

function createField(id, value, max) {
  return el('input', { id, type: 'number', inputmode: 'numeric', min: 0, max, step: 1, required: true, value });
}
