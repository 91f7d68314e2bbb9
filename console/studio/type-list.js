/** The task types of the organisation, also those that are switched off, with the ways to change and to add them. */
import { el, setAttribute, setText, setVisible } from '../dom.js';
import { t } from '../i18n/translate.js';
import { createKeyedList } from '../keyed-list.js';
import { createTaskName } from './task-type.js';

/** `edit(taskType, opener)` opens the form; without a type, for a new one. */
export function createTypeList({ edit }) {
  const list = el('ul', {});
  const add = el('button', { type: 'button', class: 'secondary', click: () => edit(null, add) }, t('studio.type.add'));
  const updateList = createKeyedList(list, { create: () => createType(edit), onFocusLost: () => add.focus() });
  return {
    node: el('details', { class: 'type-list' }, el('summary', {}, t('studio.types')), list, add),
    update: (taskTypes) => updateList(taskTypes, ({ id }) => id),
  };
}

function createType(edit) {
  let current;
  const task = createTaskName();
  const off = el('span', { class: 'muted hint' }, t('studio.type.off'));
  const button = el('button', { type: 'button', class: 'tertiary', click: () => edit(current, button) });
  return {
    node: el('li', { class: 'type-row' }, task.node, off, button),
    update(taskType) {
      current = taskType;
      task.update(taskType);
      setVisible(off, !taskType.isActive);
      setText(button, t('studio.type.edit'));
      setAttribute(button, 'aria-label', t('studio.type.editNamed', { name: taskType.name }));
    },
  };
}
