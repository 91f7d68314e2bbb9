/** The filters of the list of entries. */
import { addDays, dayOf, startOfDay } from '../calendar.js';
import { el } from '../dom.js';
import { createField } from '../field.js';
import { t } from '../i18n/translate.js';
import { createTargetInput } from './target.js';

const DEFAULT_DAYS = 28;

/** Returns `{node, setTaskTypes(list), read()}`; `read` returns a filter for `entries`, or null while a field is wrong. */
export function createFilters({ onChange }) {
  const today = dayOf(Date.now());
  let followsToday = true;
  const from = el('input', { id: 'filter-from', type: 'date', required: true, value: addDays(today, 1 - DEFAULT_DAYS), change: onChange });
  const to = el('input', { id: 'filter-to', type: 'date', required: true, value: today, change: handleEnd });
  const target = createTargetInput({ id: 'filter', isRequired: false, onChange });
  const adjusted = el('input', { type: 'checkbox', checked: true, change: onChange });
  const types = el('fieldset', { class: 'filter-types' });
  const node = el(
    'div',
    { class: 'filters', role: 'group', 'aria-label': t('studio.filters') },
    createField(t('studio.filter.from'), from),
    createField(t('studio.filter.to'), to),
    target.node,
    types,
    el('label', { class: 'check' }, adjusted, t('studio.filter.adjusted')),
  );

  function handleEnd() {
    followsToday = to.value === dayOf(Date.now());
    onChange();
  }

  return {
    node,
    setTaskTypes(taskTypes) {
      const chosen = new Set(chosenTypes(types));
      const boxes = taskTypes.map(({ id, name }) => el('label', { class: 'check' }, el('input', { type: 'checkbox', value: id, checked: chosen.has(id), change: onChange }), name));
      types.replaceChildren(el('legend', {}, t('studio.filter.types')), ...boxes);
    },
    read() {
      const owner = target.read();
      // A page that is open over midnight lists the new day too.
      if (followsToday) to.value = dayOf(Date.now());
      if (!owner || !from.reportValidity() || !to.reportValidity()) return null;
      // The range includes both ends, to the millisecond.
      const dateRange = { start: new Date(startOfDay(from.value)), end: new Date(startOfDay(addDays(to.value, 1)) - 1) };
      const taskTypeIds = chosenTypes(types);
      return { ...owner, dateRange, includeManuallyAdjusted: adjusted.checked, ...(taskTypeIds.length > 0 ? { taskTypeIds } : {}) };
    },
  };
}

function chosenTypes(fieldset) {
  return [...fieldset.querySelectorAll('input:checked')].map(({ value }) => Number(value));
}
