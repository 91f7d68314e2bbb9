/** Corrects the start, the end and the notes of an entry. */
import { el } from '../dom.js';
import { createField } from '../field.js';
import { createFormDialog } from '../form-dialog.js';
import { t } from '../i18n/translate.js';
import { NOTES_MAX } from './start-panel.js';

/** `save(adjustment)` returns a promise of an error's text, or null. */
export function createCorrectionDialog({ save }) {
  let entry = null;
  let before = null;
  const start = el('input', { id: 'correct-start', type: 'datetime-local', step: 1, required: true });
  const end = el('input', { id: 'correct-end', type: 'datetime-local', step: 1, 'aria-describedby': 'correct-end-hint' });
  const notes = el('textarea', { id: 'correct-notes', rows: 2, maxlength: NOTES_MAX });
  const hint = el('p', { id: 'correct-end-hint', class: 'muted hint' }, t('studio.correction.endHint'));
  const dialog = createFormDialog({
    id: 'correct',
    texts: { title: t('studio.correction.title'), save: t('studio.dialog.save'), cancel: t('studio.dialog.cancel') },
    fields: [createField(t('studio.correction.start'), start), createField(t('studio.correction.end'), end), hint, createField(t('studio.notes'), notes)],
    save: () => save(changesOf()),
  });
  for (const input of [start, end]) input.addEventListener('input', validateOrder);

  function validateOrder() {
    const isWrong = end.value !== '' && instantOf(end) < instantOf(start);
    end.setCustomValidity(isWrong ? t('studio.correction.order') : '');
  }

  /** Only what the reader has changed is sent, so that a running entry is not ended by accident. */
  function changesOf() {
    const changes = { timeEntryId: entry.id };
    if (start.value !== before.start) changes.startTime = instantOf(start);
    if (end.value !== '' && end.value !== before.end) changes.endTime = instantOf(end);
    if (notes.value !== before.notes) changes.notes = notes.value;
    return changes;
  }

  return {
    node: dialog.node,
    /** Opens for an entry. */
    open(next, from) {
      entry = next;
      start.value = localValue(entry.startTime);
      end.value = localValue(entry.endTime);
      notes.value = entry.notes ?? '';
      // Read back, because a field leaves out seconds of zero and converts line breaks.
      before = { start: start.value, end: end.value, notes: notes.value };
      // A finished entry keeps an end; it cannot run again.
      end.required = Boolean(entry.endTime);
      validateOrder();
      dialog.open(from);
    },
  };
}

function instantOf(input) {
  return new Date(input.value);
}

/** Returns an instant as the value of a field, in the reader's zone and whole seconds. */
function localValue(iso) {
  if (!iso) return '';
  const date = new Date(iso);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
