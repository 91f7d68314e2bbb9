/** Starts an entry: what it belongs to, and a button for each task type. */
import { el, setAttribute, setText, setVisible } from '../dom.js';
import { createField } from '../field.js';
import { formatMoney } from '../format.js';
import { t } from '../i18n/translate.js';
import { createKeyedList } from '../keyed-list.js';
import { createTargetInput } from './target.js';
import { setColor } from './task-type.js';
import { createTypeList } from './type-list.js';

/** The server's default limit. */
export const NOTES_MAX = 10_000;

/** `start(entry)` starts one, and `editType(taskType, opener)` opens the form of a task type. */
export function createStartPanel({ storage, start, editType }) {
  const target = createTargetInput({ id: 'studio-start', isRequired: true, storage });
  const notes = el('input', { id: 'studio-notes', maxlength: NOTES_MAX, autocomplete: 'off' });
  const list = el('ul', { class: 'task-buttons', 'aria-label': t('studio.start.types') });
  const types = createTypeList({ edit: editType });
  const empty = el('p', { class: 'muted hint' }, t('studio.start.none'));
  const updateList = createKeyedList(list, { create: () => createTaskButton(onStart), onFocusLost: () => notes.focus() });
  const form = el(
    'form',
    { class: 'studio-start', submit: (event) => event.preventDefault() },
    el('h2', {}, t('studio.start.title')),
    target.node,
    createField(t('studio.notes'), notes),
    list,
    empty,
    types.node,
  );

  function onStart(taskTypeId) {
    const owner = target.read();
    if (!owner) return;
    const text = notes.value.trim();
    start({ ...owner, taskTypeId, ...(text ? { notes: text } : {}) });
    notes.value = '';
  }

  return {
    node: form,
    update({ taskTypes, online }) {
      const active = taskTypes.filter(({ isActive }) => isActive);
      updateList(active.map((taskType) => ({ taskType, online })), ({ taskType }) => taskType.id);
      types.update(taskTypes);
      setVisible(empty, active.length === 0);
    },
  };
}

function createTaskButton(onStart) {
  let id;
  const name = el('span', { class: 'task-button-name' });
  const rate = el('span', { class: 'muted' });
  const verb = el('span', { class: 'visually-hidden' }, t('studio.start.action'));
  const button = el('button', { type: 'button', class: 'task-button', click: onClick }, verb, ' ', name, ' ', rate);

  function onClick(event) {
    // The second click of a double click would be refused, because the entry runs by then.
    if (event.detail <= 1 && button.getAttribute('aria-disabled') !== 'true') onStart(id);
  }

  return {
    node: el('li', {}, button),
    update({ taskType, online }) {
      id = taskType.id;
      setText(name, taskType.name);
      setText(rate, taskType.category === 'billable' ? t('studio.rate', { price: formatMoney(taskType.hourlyRate) }) : t('studio.notBillable'));
      setColor(button, taskType.color);
      setAttribute(button, 'aria-disabled', online ? null : 'true');
    },
  };
}
