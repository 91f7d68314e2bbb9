/**
 * The buttons of one session. They are renamed or hidden but never replaced, so the keyboard focus
 * stays in place when the state changes.
 */
import { el, setAttribute, setText, setVisible } from '../dom.js';

const TOGGLES = {
  running: { text: 'Pause', command: 'pause' },
  paused: { text: 'Resume', command: 'resume' },
  stopped: { text: 'Start again', command: 'resume' },
};

/** `extraButton` is placed among the buttons. */
export function createActions({ sessionId, commands, focusFallback, extraButton }) {
  let phase;
  const toggle = button('secondary', (event) => {
    // The second click of a double click would undo the first, because the button's meaning has changed by then.
    if (event.detail <= 1) run(toggle, TOGGLES[phase].command);
  });
  const stopButton = button('secondary', () => run(stopButton, 'stop'), 'Stop');
  const removeButton = button('tertiary', () => setConfirming(true), 'Remove');
  const confirmButton = button('danger', () => run(confirmButton, 'remove'), 'Remove permanently');
  const keepButton = button('tertiary', () => setConfirming(false), 'Keep');
  const question = el('span', {}, 'Remove on every device?');
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
    setText(toggle, TOGGLES[phase].text);
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
      setAttribute(control, 'aria-label', `${control.textContent} ${label}`);
    }
    setAttribute(confirmation, 'aria-label', `Remove ${label}?`);
  }

  return { node: el('div', { class: 'actions' }, toggle, stopButton, extraButton, removeButton, confirmation), update };
}

function button(kind, click, text = '') {
  return el('button', { type: 'button', class: kind, click }, text);
}
