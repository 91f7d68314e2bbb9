/** A task type with its colour. The colour comes from the organisation; the name always stands beside it. */
import { el, setText } from '../dom.js';
import { t } from '../i18n/translate.js';

const COLOR = /^#[0-9a-f]{6}$/i;

/** A swatch and a name that follow a task type. */
export function createTaskName(tag = 'span') {
  const swatch = el('span', { class: 'task-swatch', 'aria-hidden': 'true' });
  const name = el(tag, { class: 'task-name' });
  return {
    node: el('span', { class: 'task' }, swatch, name),
    name,
    update(taskType) {
      setText(name, taskType?.name ?? t('studio.unknownType'));
      setColor(swatch, taskType?.color);
    },
  };
}

/** Returns a colour in the form that the service prescribes, or undefined. */
export function validColor(color) {
  return COLOR.test(color ?? '') ? color : undefined;
}

/** Sets the property `--task-color` of a node, or removes it if there is no colour. */
export function setColor(node, color) {
  if (validColor(color)) node.style.setProperty('--task-color', color);
  else node.style.removeProperty('--task-color');
}
