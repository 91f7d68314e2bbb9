/** Creates a task type, or changes one. */
import { el, setVisible } from '../dom.js';
import { createField, createSelect } from '../field.js';
import { createFormDialog } from '../form-dialog.js';
import { t } from '../i18n/translate.js';
import { validColor } from './task-type.js';

const NAME_MAX = 100;
const RATE_MAX = 99_999_999.99;

/** The colour of a new type, of a form that has to have one. */
const DEFAULT_COLOR = '#3b82f6';

/** `save({id, name, hourlyRate, category, color, isActive})` returns a promise of an error's text, or null; a new type has no `id`. */
export function createTypeDialog({ save }) {
  let current = null;
  const name = el('input', { id: 'type-name', required: true, maxlength: NAME_MAX, pattern: '.*\\S.*', title: t('input.notBlank'), autocomplete: 'off' });
  const rate = el('input', { id: 'type-rate', type: 'number', inputmode: 'decimal', min: 0, max: RATE_MAX, step: 0.01, required: true });
  const categories = [['billable', t('studio.billable')], ['non-billable', t('studio.notBillable')]];
  const category = createSelect({ id: 'type-category', options: categories, value: 'billable' });
  const color = el('input', { id: 'type-color', type: 'color' });
  const isActive = el('input', { type: 'checkbox' });
  const activeField = el('label', { class: 'check' }, isActive, t('studio.type.active'));
  const dialog = createFormDialog({
    id: 'type',
    texts: { title: t('studio.type.title'), save: t('studio.dialog.save'), cancel: t('studio.dialog.cancel') },
    fields: [
      createField(t('studio.type.name'), name),
      createField(t('studio.type.rate'), rate),
      createField(t('studio.type.category'), category),
      createField(t('studio.type.color'), color),
      activeField,
    ],
    save: () => save(typeOf()),
  });

  function typeOf() {
    const values = { name: name.value.trim(), hourlyRate: rate.value, category: category.value, color: color.value };
    return current ? { id: current.id, ...values, isActive: isActive.checked } : values;
  }

  return {
    node: dialog.node,
    /** Opens for a task type, or for a new one if `taskType` is null. */
    open(taskType, from) {
      current = taskType;
      name.value = taskType?.name ?? '';
      rate.value = taskType?.hourlyRate ?? '';
      category.value = taskType?.category ?? 'billable';
      color.value = validColor(taskType?.color) ?? DEFAULT_COLOR;
      isActive.checked = taskType?.isActive ?? true;
      setVisible(activeField, taskType !== null);
      dialog.open(from);
    },
  };
}
