/** Fields of forms: a control with its label above it. */
import { el } from './dom.js';

export function createField(label, control) {
  return el('div', { class: 'field' }, el('label', { for: control.id }, label), control);
}

/** `options` are pairs of a value and a name. */
export function createSelect({ id, options, value, ...attributes }) {
  const nodes = options.map(([key, name]) => el('option', { value: key, selected: key === value }, name));
  // A browser that restores a field after a reload would contradict what the page shows.
  return el('select', { id, autocomplete: 'off', ...attributes }, ...nodes);
}
