/** The countdown in large digits, with its controls. */
import { el, setAttribute, setText, setVisible } from '../dom.js';
import { formatRemaining, formatTime } from '../format.js';
import { t } from '../i18n/translate.js';
import { countdownPhase } from '../lib/tickcast/rooms/index.js';
import { createRing } from '../ring.js';
import { createDurationInput } from './duration-input.js';

const PHASES = {
  running: { fresh: 'rooms.countdown.running', old: 'rooms.countdown.runningLocally' },
  paused: { fresh: 'rooms.countdown.paused', old: 'rooms.countdown.pausedLastKnown' },
  ready: { fresh: 'rooms.countdown.ready', old: 'rooms.countdown.readyLastKnown' },
};

/** By how much the buttons move the end. */
const ADJUST_SECONDS = 60;

const TIME_UP = { server: 'rooms.countdown.timeUp', local: 'rooms.countdown.timeUpLocally' };

/** Longer texts need a smaller font. */
const LONG_TEXT = '1:00:00'.length;

const RING = { name: 'countdown', radius: 46 };

export function createCountdownView({ sendCommand }) {
  let phase = 'ready';
  let displayedDuration = null;
  const time = el('p', { class: 'countdown-time', role: 'timer', 'aria-label': t('rooms.countdown.remaining'), tabindex: '-1' });
  const status = el('p', { class: 'countdown-status', 'data-phase-text': true });
  const endTime = el('p', { class: 'muted countdown-end' });
  const ring = createRing([RING]);

  const sendFrom = (control, type, payload) => control.getAttribute('aria-disabled') !== 'true' && sendCommand(type, payload);
  const toggle = button('primary', '', (event) => {
    // The second click of a double click would undo the first, because the button's meaning has changed by then.
    if (event.detail <= 1) sendFrom(toggle, phase === 'running' ? 'timer:pause' : 'timer:resume');
  });
  const subtract = button('secondary', t('rooms.countdown.subtract'), () => sendFrom(subtract, 'timer:adjust', { seconds: -ADJUST_SECONDS }));
  const add = button('secondary', t('rooms.countdown.add'), () => sendFrom(add, 'timer:adjust', { seconds: ADJUST_SECONDS }));
  const reset = button('secondary', t('rooms.countdown.reset'), () => sendFrom(reset, 'timer:reset'));
  const duration = createDurationInput('room-duration');
  const start = el('button', { type: 'submit', class: 'primary' }, t('rooms.countdown.start'));
  const form = el(
    'form',
    {
      class: 'room-form',
      submit: (event) => {
        event.preventDefault();
        sendFrom(start, 'timer:start', { duration: duration.seconds() });
      },
    },
    duration.node,
    start,
  );
  const controls = el('div', { class: 'countdown-controls', role: 'group', 'aria-label': t('rooms.countdown.label') }, toggle, subtract, add, reset);
  const display = el('div', { class: 'countdown-display' }, ring.node, el('div', { class: 'countdown-text' }, status, time, endTime));
  const node = el('section', { class: 'countdown', 'aria-label': t('rooms.countdown.label'), 'data-countdown': true }, display, controls, form);

  return {
    node,
    focus: () => time.focus(),
    update({ state, ms, timeUp, fresh, canSendCommands }) {
      phase = countdownPhase(state);
      const totalMs = Math.max(state.duration * 1000, ms);
      const text = formatRemaining(ms);
      setAttribute(node, 'data-phase', phase);
      setText(time, text);
      setAttribute(time, 'data-long', text.length > LONG_TEXT);
      setText(status, t(TIME_UP[timeUp] ?? PHASES[phase][fresh ? 'fresh' : 'old']));
      setText(endTime, phase === 'running' && ms > 0 ? t('rooms.countdown.until', { time: localTimeIn(ms) }) : '');
      ring.update(RING.name, ms / totalMs);
      setText(toggle, t(phase === 'running' ? 'rooms.countdown.pause' : 'rooms.countdown.resume'));
      setVisible(controls, phase !== 'ready', time);
      setText(start, t(phase === 'ready' ? 'rooms.countdown.start' : 'rooms.countdown.restart'));
      for (const control of [toggle, subtract, add, reset, start]) {
        setAttribute(control, 'aria-disabled', canSendCommands ? null : 'true');
      }
      if (state.duration !== displayedDuration) duration.setSeconds(state.duration);
      displayedDuration = state.duration;
    },
  };
}

function button(kind, text, click) {
  return el('button', { type: 'button', class: kind, click }, text);
}

/** Formats the end of the countdown by the device's own clock, because the user compares it with other local clocks. */
function localTimeIn(ms) {
  return formatTime(Date.now() + ms, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
}
