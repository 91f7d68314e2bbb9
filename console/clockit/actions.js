/**
 * The buttons of one session. They are renamed or hidden but never replaced, so the keyboard focus
 * stays in place when the state changes.
 */
import { el, setAttribute, setText, setVisible } from '../dom.js';
import { t } from '../i18n/translate.js';

const TOGGLES = {
  running: { text: 'clockit.pause', command: 'pause' },
  paused: { text: 'clockit.resume', command: 'resume' },
  stopped: { text: 'clockit.startAgain', command: 'resume' },
};

/** `extraButton` is placed among the buttons. */
export function createActions({ sessionId, commands, focusFallback, extraButton }) {
  let phase;
  const toggle = button('secondary', (event) => {
    // The second click of a double click would undo the first, because the button's meaning has changed by then.
    if (event.detail <= 1) run(toggle, TOGGLES[phase].command);
  });
  const stopButton = button('secondary', () => run(stopButton, 'stop'), t('clockit.stop'));
  const removeButton = button('tertiary', () => setConfirming(true), t('clockit.remove'));
  const confirmButton = button('danger', () => run(confirmButton, 'remove'), t('clockit.removeConfirm'));
  const keepButton = button('tertiary', () => setConfirming(false), t('clockit.keep'));
  const question = el('span', {}, t('clockit.removeQuestion'));
  const confirmation = el('div', { class: 'confirmation', role: 'group', hidden: true }, question, confirmButton, keepButton);
  confirmation.addEventListener('keydown', (event) => event.key === 'Escape' && setConfirming(false));

  function setConfirming(confirming) {
    confirmation.hidden = !confirming;
    removeButton.hidden = confirming;
    (confirming ? keepButton : removeButton).focus();
  }

  function run(control, command) {
    if (control.getAttribute('aria-disabled') !== 'true') commands[command](sessionId);
  }

  function update({ phase: next, label, pending }) {
    phase = next;
    setText(toggle, t(TOGGLES[phase].text));
    setVisible(stopButton, phase !== 'stopped', focusFallback);
    for (const [control, types] of [
      [toggle, ['session-pause', 'session-resume']],
      [stopButton, ['session-stop']],
      [confirmButton, ['session-remove']],
    ]) {
      const isPending = pending.some((message) => types.includes(message.type));
      setAttribute(control, 'aria-disabled', isPending ? 'true' : null);
    }
    for (const control of [toggle, stopButton, removeButton]) {
      setAttribute(control, 'aria-label', t('clockit.actionOf', { action: control.textContent, label }));
    }
    setAttribute(confirmation, 'aria-label', t('clockit.removeLabel', { label }));
  }

  return { node: el('div', { class: 'actions' }, toggle, stopButton, extraButton, removeButton, confirmation), update };
}

function button(kind, click, text = '') {
  return el('button', { type: 'button', class: kind, click }, text);
}
