/** What is left, in large figures, and the buttons that drive it. */
import { el, setAttribute, setShown, setText, svg } from '../dom.js';
import { left } from '../format.js';
import { ADJUST_SECONDS, phaseOf } from './countdown.js';
import { createDuration } from './duration.js';

const STATES = { running: 'Running', paused: 'Paused', ready: 'Ready' };
const UP = { told: 'Time is up', here: 'Time is up, as counted here' };

/** Figures that are longer have to be smaller. */
const LONG = '1:00:00'.length;

const RADIUS = 46;
const ROUND = 2 * Math.PI * RADIUS;

export function createCountdown({ drive }) {
  let phase = 'ready';
  let shownDuration = null;
  const figures = el('p', { class: 'figures', role: 'timer', 'aria-label': 'Remaining', tabindex: '-1' });
  const said = el('p', { class: 'figures-state', 'data-phase-text': true });
  const until = el('p', { class: 'muted figures-until' });
  const done = svg('circle', { class: 'ring-left', cx: 50, cy: 50, r: RADIUS, 'stroke-dasharray': ROUND });
  const ring = svg('svg', { class: 'ring', viewBox: '0 0 100 100', 'aria-hidden': 'true' });
  ring.append(svg('circle', { class: 'ring-whole', cx: 50, cy: 50, r: RADIUS }), done);

  const press = (button, type, payload) => button.getAttribute('aria-disabled') !== 'true' && drive(type, payload);
  const toggle = button('primary', '', (event) => {
    // The second click of a double click would undo the first, for its meaning has changed by then.
    if (event.detail <= 1) press(toggle, phase === 'running' ? 'timer:pause' : 'timer:resume');
  });
  const less = button('secondary', '−1 min', () => press(less, 'timer:adjust', { seconds: -ADJUST_SECONDS }));
  const more = button('secondary', '+1 min', () => press(more, 'timer:adjust', { seconds: ADJUST_SECONDS }));
  const reset = button('secondary', 'Reset', () => press(reset, 'timer:reset'));
  const duration = createDuration('room-duration');
  const start = el('button', { type: 'submit', class: 'primary' }, 'Start');
  const form = el(
    'form',
    {
      class: 'door-form',
      submit: (event) => {
        event.preventDefault();
        press(start, 'timer:start', { duration: duration.seconds() });
      },
    },
    duration.node,
    start,
  );
  const underWay = el('div', { class: 'drive', role: 'group', 'aria-label': 'Countdown' }, toggle, less, more, reset);
  const face = el('div', { class: 'face' }, ring, el('div', { class: 'face-text' }, said, figures, until));
  const node = el('section', { class: 'countdown', 'aria-label': 'Countdown', 'data-countdown': true }, face, underWay, form);

  return {
    node,
    focus: () => figures.focus(),
    update({ state, ms, isUp, fresh, drives }) {
      phase = phaseOf(state);
      const whole = Math.max(state.duration * 1000, ms);
      setAttribute(node, 'data-phase', phase);
      setText(figures, left(ms));
      setAttribute(figures, 'data-long', left(ms).length > LONG);
      setText(said, UP[isUp] ?? `${STATES[phase]}${fresh ? '' : phase === 'running' ? ', counted on here' : ', last known'}`);
      setText(until, phase === 'running' && ms > 0 ? `until ${timeOfDay(ms)}` : '');
      setAttribute(done, 'stroke-dashoffset', (ROUND * (1 - ms / whole)).toFixed(2));
      setText(toggle, phase === 'running' ? 'Pause' : 'Resume');
      setShown(underWay, phase !== 'ready', figures);
      setText(start, phase === 'ready' ? 'Start' : 'Start anew');
      for (const control of [toggle, less, more, reset, start]) {
        setAttribute(control, 'aria-disabled', drives ? null : 'true');
      }
      if (state.duration !== shownDuration) duration.show(state.duration);
      shownDuration = state.duration;
    },
  };
}

function button(kind, text, click) {
  return el('button', { type: 'button', class: kind, click }, text);
}

/** When it will be over, by the reader's own clock: that is the one on their wall. */
function timeOfDay(ms) {
  return new Date(Date.now() + ms).toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
}
