/** Corrects the start, the end and the notes of an entry. */
import { el, setText, setVisible } from '../dom.js';
import { createField } from '../field.js';
import { t } from '../i18n/translate.js';

/** `save(adjustment)` returns a promise of an error's text, or null. */
export function createCorrectionDialog({ save }) {
  let entry = null;
  let opener = null;
  const start = el('input', { id: 'correct-start', type: 'datetime-local', step: 1, required: true });
  const end = el('input', { id: 'correct-end', type: 'datetime-local', step: 1, 'aria-describedby': 'correct-end-hint' });
  const notes = el('textarea', { id: 'correct-notes', rows: 2, maxlength: 10_000 });
  const problem = el('p', { class: 'dialog-error', role: 'alert', hidden: true });
  const cancel = el('button', { type: 'button', class: 'tertiary', click: () => dialog.close() }, t('studio.correction.cancel'));
  const submit = el('button', { type: 'submit', class: 'primary' }, t('studio.correction.save'));
  const form = el(
    'form',
    { class: 'dialog-form', submit: onSubmit },
    el('h2', { id: 'correct-title' }, t('studio.correction.title')),
    createField(t('studio.correction.start'), start),
    createField(t('studio.correction.end'), end),
    el('p', { id: 'correct-end-hint', class: 'muted hint' }, t('studio.correction.endHint')),
    createField(t('studio.notes'), notes),
    problem,
    el('div', { class: 'dialog-actions' }, submit, cancel),
  );
  const dialog = el('dialog', { class: 'dialog', 'aria-labelledby': 'correct-title' }, form);
  dialog.addEventListener('close', () => opener?.isConnected && opener.focus());
  for (const input of [start, end]) input.addEventListener('input', validateOrder);

  function validateOrder() {
    const isWrong = end.value !== '' && instantOf(end) < instantOf(start);
    end.setCustomValidity(isWrong ? t('studio.correction.order') : '');
  }

  async function onSubmit(event) {
    event.preventDefault();
    const error = await save(changesOf());
    setText(problem, error ?? '');
    setVisible(problem, error !== null);
    if (error === null) dialog.close();
  }

  /** Only what the reader has changed is sent, so that a running entry is not ended by accident. */
  function changesOf() {
    const changes = { timeEntryId: entry.id };
    if (start.value !== localValue(entry.startTime)) changes.startTime = instantOf(start);
    if (end.value !== '' && end.value !== localValue(entry.endTime)) changes.endTime = instantOf(end);
    if (notes.value !== (entry.notes ?? '')) changes.notes = notes.value;
    return changes;
  }

  return {
    node: dialog,
    /** Opens for an entry; after it has closed, the focus returns to `from`. */
    open(next, from) {
      entry = next;
      opener = from;
      start.value = localValue(entry.startTime);
      end.value = localValue(entry.endTime);
      notes.value = entry.notes ?? '';
      // A finished entry keeps an end; it cannot run again.
      end.required = Boolean(entry.endTime);
      setVisible(problem, false);
      validateOrder();
      dialog.showModal();
    },
  };
}

function instantOf(input) {
  return new Date(input.value);
}

/** Returns an instant as the value of a field, in the reader's zone and whole seconds. */
export function localValue(iso) {
  if (!iso) return '';
  const date = new Date(iso);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
