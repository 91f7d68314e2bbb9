/** Two fields for minutes and seconds of a duration. */
import { el } from '../dom.js';

const USUAL_MINUTES = 25;
const MINUTES_MAX = 1_440;

export function createDuration(id) {
  const minutes = field(`${id}-minutes`, USUAL_MINUTES, MINUTES_MAX);
  const seconds = field(`${id}-seconds`, 0, 59);
  return {
    node: el(
      'div',
      { class: 'duration' },
      el('div', { class: 'field' }, el('label', { for: minutes.id }, 'Minutes'), minutes),
      el('div', { class: 'field' }, el('label', { for: seconds.id }, 'Seconds'), seconds),
    ),
    seconds: () => minutes.valueAsNumber * 60 + (seconds.valueAsNumber || 0) || 0,
    /** Shows a duration, unless somebody is just writing another. */
    show(total) {
      if (minutes.matches(':focus') || seconds.matches(':focus')) return;
      minutes.value = Math.floor(total / 60);
      seconds.value = total % 60;
    },
  };
}

function field(id, value, max) {
  return el('input', { id, type: 'number', inputmode: 'numeric', min: 0, max, step: 1, required: true, value });
}
