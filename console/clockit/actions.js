/**
 * The buttons of one session. They are never replaced, only renamed or hidden, so the keyboard
 * focus stays where it is when the state changes under it.
 */
import { el, setAttribute, setShown, setText } from '../dom.js';
import { pause, remove, resume, stop } from './commands.js';

const TOGGLES = {
  running: { text: 'Pause', command: pause },
  paused: { text: 'Resume', command: resume },
  stopped: { text: 'Start again', command: resume },
};

/** `extra` is one more button to stand among these. */
export function createActions({ sessionId, submit, refuge, extra }) {
  let phase;
  const toggle = button('secondary', (event) => {
    // The second click of a double click would undo the first, for its meaning has changed by then.
    if (event.detail <= 1) give(toggle, TOGGLES[phase].command(sessionId));
  });
  const stopButton = button('secondary', () => give(stopButton, stop(sessionId)), 'Stop');
  const ask = button('quiet', () => confirm(true), 'Remove');
  const yes = button('danger', () => give(yes, remove(sessionId)), 'Remove for good');
  const keep = button('quiet', () => confirm(false), 'Keep');
  const sure = el('div', { class: 'sure', role: 'group', hidden: true }, el('span', {}, 'Remove on every device?'), yes, keep);
  sure.addEventListener('keydown', (event) => event.key === 'Escape' && confirm(false));

  function confirm(asking) {
    sure.hidden = !asking;
    ask.hidden = asking;
    (asking ? keep : ask).focus();
  }

  function give(control, command) {
    if (control.getAttribute('aria-disabled') !== 'true') submit(command);
  }

  function update({ phase: next, label, pending }) {
    phase = next;
    setText(toggle, TOGGLES[phase].text);
    setShown(stopButton, phase !== 'stopped', refuge);
    for (const [control, types] of [
      [toggle, ['session-pause', 'session-resume']],
      [stopButton, ['session-stop']],
      [yes, ['session-remove']],
    ]) {
      const waits = pending.some((message) => types.includes(message.type));
      setAttribute(control, 'aria-disabled', waits ? 'true' : null);
    }
    for (const control of [toggle, stopButton, ask]) {
      setAttribute(control, 'aria-label', `${control.textContent} ${label}`);
    }
    setAttribute(sure, 'aria-label', `Remove ${label}?`);
  }

  return { node: el('div', { class: 'actions' }, toggle, stopButton, extra, ask, sure), update };
}

function button(kind, click, text = '') {
  return el('button', { type: 'button', class: kind, click }, text);
}
