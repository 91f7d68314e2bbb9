/** The form that starts a focus session. */
import { el, setAttribute } from '../dom.js';
import { createField } from '../field.js';
import { t } from '../i18n/translate.js';

const DEFAULT_MINUTES = 25;
const MINUTES_MAX = 1_440;

/** The server's limit. */
const SUBJECT_MAX = 500;

/** `start({subject, targetMinutes})` returns a promise of whether it has succeeded. */
export function createStartForm({ start }) {
  const subject = el('input', { id: 'focus-subject', maxlength: SUBJECT_MAX, autocomplete: 'off' });
  const minutes = el('input', { id: 'focus-minutes', type: 'number', inputmode: 'numeric', min: 1, max: MINUTES_MAX, step: 1, required: true, value: DEFAULT_MINUTES });
  const button = el('button', { type: 'submit', class: 'primary' }, t('focus.start'));
  const node = el(
    'form',
    { class: 'room-form focus-form', submit: onSubmit },
    createField(t('focus.subject'), subject),
    createField(t('focus.minutes'), minutes),
    button,
  );

  let isStarting = false;

  async function onSubmit(event) {
    event.preventDefault();
    if (isStarting || button.getAttribute('aria-disabled') === 'true') return;
    isStarting = true;
    const text = subject.value.trim();
    if (await start({ targetMinutes: minutes.valueAsNumber, ...(text ? { subject: text } : {}) })) node.reset();
    isStarting = false;
  }

  return { node, update: ({ online }) => setAttribute(button, 'aria-disabled', online ? null : 'true') };
}
