/** A modal form. After it has closed, the focus returns to where it was opened from. */
import { el, setAttribute, setText, setVisible } from './dom.js';

/** `texts` are `{title, save, cancel}`; `fields` are nodes; `save()` returns a promise of an error's text, or null. */
export function createFormDialog({ id, texts, fields, save }) {
  let opener = null;
  let opening = null;
  let saving = null;
  const problem = el('p', { class: 'dialog-error', role: 'alert', hidden: true });
  const submit = el('button', { type: 'submit', class: 'primary' }, texts.save);
  const cancel = el('button', { type: 'button', class: 'tertiary', click: () => node.close() }, texts.cancel);
  const title = el('h2', { id: `${id}-title` }, texts.title);
  const form = el('form', { class: 'dialog-form', submit: onSubmit }, title, ...fields, problem, el('div', { class: 'dialog-actions' }, submit, cancel));
  const node = el('dialog', { class: 'dialog', 'aria-labelledby': title.id }, form);
  node.addEventListener('close', () => opener?.isConnected && opener.focus());

  async function onSubmit(event) {
    event.preventDefault();
    if (saving === opening) return;
    const saved = opening;
    setSaving(saved);
    const error = await save();
    // The reader may have closed the form, and opened it for something else.
    if (saved !== opening) return;
    setSaving(null);
    setText(problem, error ?? '');
    setVisible(problem, error !== null);
    if (error === null) node.close();
  }

  function setSaving(next) {
    saving = next;
    setAttribute(submit, 'aria-disabled', next === null ? null : 'true');
  }

  return {
    node,
    open(from) {
      opener = from;
      opening = {};
      setSaving(null);
      setVisible(problem, false);
      node.showModal();
    },
  };
}
