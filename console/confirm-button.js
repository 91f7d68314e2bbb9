/** A button whose action needs a second press, on another button: it cannot be undone. */
import { el, setAttribute } from './dom.js';

/** `texts` are `{open, question, confirm, keep}`. The safe choice has the focus. */
export function createConfirmButton({ texts, run }) {
  const open = el('button', { type: 'button', class: 'tertiary', click: () => isEnabled(open) && setConfirming(true) }, texts.open);
  const confirm = el('button', { type: 'button', class: 'danger', click: onConfirm }, texts.confirm);
  const keep = el('button', { type: 'button', class: 'tertiary', click: () => setConfirming(false) }, texts.keep);
  const question = el('span', {}, texts.question);
  const group = el('div', { class: 'confirmation', role: 'group', 'aria-label': texts.question, hidden: true }, question, confirm, keep);
  group.addEventListener('keydown', (event) => event.key === 'Escape' && setConfirming(false));

  function onConfirm() {
    if (!isEnabled(open)) return;
    setConfirming(false);
    run();
  }

  function setConfirming(confirming) {
    group.hidden = !confirming;
    open.hidden = confirming;
    (confirming ? keep : open).focus();
  }

  return {
    node: el('div', { class: 'confirm-button' }, open, group),
    /**
     * `name` and `questionName` follow the texts for those who do not see where they stand. While `pending`, the action
     * is in progress.
     */
    update({ name = null, questionName = texts.question, pending = false }) {
      setAttribute(open, 'aria-label', name);
      setAttribute(group, 'aria-label', questionName);
      for (const control of [open, confirm]) setAttribute(control, 'aria-disabled', pending ? 'true' : null);
    },
  };
}

function isEnabled(control) {
  return control.getAttribute('aria-disabled') !== 'true';
}
