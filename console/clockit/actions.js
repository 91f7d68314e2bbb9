/**
 * The buttons of one session. They are renamed or hidden but never replaced, so the keyboard focus
 * stays in place when the state changes.
 */
import { createConfirmButton } from '../confirm-button.js';
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
  const texts = { open: t('clockit.remove'), question: t('clockit.removeQuestion'), confirm: t('clockit.removeConfirm'), keep: t('clockit.keep') };
  const removal = createConfirmButton({ texts, run: () => commands.remove(sessionId) });

  function run(control, command) {
    if (control.getAttribute('aria-disabled') !== 'true') commands[command](sessionId);
  }

  function update({ phase: next, label, pending }) {
    phase = next;
    setText(toggle, t(TOGGLES[phase].text));
    setVisible(stopButton, phase !== 'stopped', focusFallback);
    const isPending = (...types) => pending.some((message) => types.includes(message.type));
    setAttribute(toggle, 'aria-disabled', isPending('session-pause', 'session-resume') ? 'true' : null);
    setAttribute(stopButton, 'aria-disabled', isPending('session-stop') ? 'true' : null);
    const nameOf = (action) => t('clockit.actionOf', { action, label });
    for (const control of [toggle, stopButton]) setAttribute(control, 'aria-label', nameOf(control.textContent));
    removal.update({ name: nameOf(texts.open), questionName: t('clockit.removeLabel', { label }), pending: isPending('session-remove') });
  }

  return { node: el('div', { class: 'actions' }, toggle, stopButton, extraButton, removal.node), update };
}

function button(kind, click, text = '') {
  return el('button', { type: 'button', class: kind, click }, text);
}
