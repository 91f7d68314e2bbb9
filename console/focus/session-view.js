/** The current session: its ring, its band, and its buttons. */
import { el, setAttribute, setText, setVisible } from '../dom.js';
import { formatElapsed, formatMinutes } from '../format.js';
import { t } from '../i18n/translate.js';
import { createRing } from '../ring.js';
import { createBand } from './band.js';

const RINGS = [
  { name: 'target', radius: 45 },
  { name: 'active', radius: 39 },
];

const STATUSES = {
  active: 'focus.status.active',
  idle: 'focus.status.idle',
  untracked: 'focus.status.untracked',
  paused: 'focus.status.paused',
  completed: 'focus.status.completed',
  abandoned: 'focus.status.abandoned',
  cancelled: 'focus.status.cancelled',
};

/** `actions` are `pause`, `resume` and `stop(status)`. */
export function createSessionView({ actions }) {
  let isPaused = false;
  const ring = createRing(RINGS);
  const subject = el('h2', { class: 'focus-subject', tabindex: '-1' });
  const status = el('p', { class: 'focus-status', 'data-focus-status': true });
  const time = el('p', { class: 'focus-time', role: 'timer', 'aria-label': t('focus.elapsed') });
  const target = el('p', { class: 'muted' });
  const band = createBand();
  const key = el('ul', { class: 'legend' }, ...['active', 'idle', 'unseen'].map(keyEntry));
  const toggle = el('button', { type: 'button', class: 'primary', click: (event) => event.detail <= 1 && run(toggle, isPaused ? actions.resume : actions.pause) }, t('focus.pause'));
  const complete = el('button', { type: 'button', class: 'secondary', click: () => run(complete, () => actions.stop('completed')) }, t('focus.complete'));
  const abandon = el('button', { type: 'button', class: 'tertiary', click: () => run(abandon, () => actions.stop('abandoned')) }, t('focus.abandon'));
  const controls = el('div', { class: 'focus-controls', role: 'group', 'aria-label': t('focus.session') }, toggle, complete, abandon);
  const pendingText = el('p', { class: 'pending', 'data-pending': true });
  const text = el('div', { class: 'focus-text' }, status, time, target);
  const display = el('div', { class: 'focus-display' }, ring.node, text);
  const node = el('section', { class: 'focus-session', 'aria-label': t('focus.session') }, subject, display, band.node, key, controls, pendingText);

  function run(button, action) {
    if (button.getAttribute('aria-disabled') !== 'true') action();
  }

  return {
    node,
    focus: () => subject.focus(),
    update({ session, state, activity, pending }) {
      const isOpen = session.status === 'active' || session.status === 'paused';
      isPaused = session.status === 'paused';
      const targetSeconds = session.targetMinutes * 60;
      setAttribute(node, 'data-state', state);
      setText(subject, session.subject);
      setText(status, t(STATUSES[state]));
      setText(time, formatElapsed(session.elapsedSeconds * 1000));
      setText(target, t('focus.of', { time: formatMinutes(targetSeconds) }));
      ring.update('target', session.elapsedSeconds / targetSeconds);
      ring.update('active', session.activeSeconds / targetSeconds);
      band.update({ runs: activity, activeSeconds: session.activeSeconds, idleSeconds: session.idleSeconds, targetSeconds });
      setText(toggle, t(isPaused || state === 'untracked' ? 'focus.resume' : 'focus.pause'));
      setVisible(controls, isOpen, subject);
      setText(pendingText, pending.length > 0 ? t('focus.pending') : '');
      for (const button of [toggle, complete, abandon]) setAttribute(button, 'aria-disabled', pending.length > 0 ? 'true' : null);
    },
  };
}

function keyEntry(kind) {
  const names = { active: 'focus.key.active', idle: 'focus.key.idle', unseen: 'focus.key.unseen' };
  return el('li', {}, el('span', { class: `swatch band-swatch-${kind}`, 'aria-hidden': 'true' }), t(names[kind]));
}
