/** A button whose action needs a second press, on another button: it cannot be undone. */
import { el } from './dom.js';

/**
 * `texts` are `{open, question, confirm, keep}`. The safe choice has the focus. `name` follows the text of the first button
 * for those who do not see where it stands.
 */
export function createConfirmButton({ texts, name = null, run }) {
  const open = el('button', { type: 'button', class: 'tertiary', 'aria-label': name, click: () => setConfirming(true) }, texts.open);
  const confirm = el('button', { type: 'button', class: 'danger', click: onConfirm }, texts.confirm);
  const keep = el('button', { type: 'button', class: 'tertiary', click: () => setConfirming(false) }, texts.keep);
  const question = el('span', {}, texts.question);
  const group = el('div', { class: 'confirmation', role: 'group', 'aria-label': texts.question, hidden: true }, question, confirm, keep);
  group.addEventListener('keydown', (event) => event.key === 'Escape' && setConfirming(false));

  function onConfirm() {
    setConfirming(false);
    run();
  }

  function setConfirming(confirming) {
    group.hidden = !confirming;
    open.hidden = confirming;
    (confirming ? keep : open).focus();
  }

  return el('div', { class: 'confirm-button' }, open, group);
}
