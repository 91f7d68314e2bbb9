/** The card of one session. */
import { el, setAttribute, setText, setVisible } from '../dom.js';
import { formatElapsed } from '../format.js';
import { t } from '../i18n/translate.js';
import { createActions } from './actions.js';
import { commandName } from './commands.js';
import { createDial } from './dial.js';
import { createGoals } from './goals.js';

const PHASES = { running: 'clockit.phase.running', paused: 'clockit.phase.paused', stopped: 'clockit.phase.stopped' };

export function createCard({ state: { sessionId }, commands }) {
  const title = el('h3', { class: 'card-title', tabindex: '-1' });
  const phaseText = el('span', { class: 'card-phase', 'data-phase': true });
  const group = el('span', { class: 'card-group', 'data-group': true });
  const comment = el('p', { class: 'card-comment', 'data-comment': true });
  const time = el('span', { class: 'time', role: 'timer', 'data-elapsed': true });
  const staleBadge = el('span', { class: 'stale-badge' }, t('clockit.lastKnown'));
  const pendingText = el('p', { class: 'pending', 'data-pending': true });
  const dial = createDial();
  const goals = createGoals({ sessionId, commands, focusFallback: title });
  const actions = createActions({ sessionId, commands, focusFallback: title, extraButton: goals.opener });
  const node = el(
    'li',
    { class: 'card', 'data-session-id': sessionId },
    dial.node,
    el('div', { class: 'card-head' }, title, el('p', { class: 'card-meta' }, phaseText, staleBadge, group)),
    el('p', { class: 'card-time' }, time),
    el('div', { class: 'card-body' }, comment, goals.node, actions.node, pendingText),
  );

  return {
    node,
    update({ state, phase, elapsedMs, pending, online }) {
      const label = state.label || t('clockit.untitled');
      setAttribute(node, 'data-state', phase);
      setText(title, label);
      setText(phaseText, t(PHASES[phase]));
      setOptionalText(group, state.groupName || state.groupId);
      setOptionalText(comment, state.comment);
      setText(time, formatElapsed(elapsedMs));
      dial.update(elapsedMs);
      goals.update({ goals: state.goals ?? [], label, pending });
      actions.update({ phase, label, pending });
      setAttribute(pendingText, 'data-online', online);
      setText(pendingText, describePending(pending, online));
    },
  };
}

/** Describes the commands without an answer; empty if there are none. */
export function describePending(pending, online) {
  if (pending.length === 0) return '';
  const names = pending.map(commandName).join(', ');
  return t(online ? 'clockit.sending' : 'clockit.willBeSent', { names });
}

function setOptionalText(node, text) {
  setText(node, text ?? '');
  setVisible(node, Boolean(text));
}
