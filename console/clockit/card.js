/** One session on the page. */
import { el, setAttribute, setShown, setText } from '../dom.js';
import { hms } from '../format.js';
import { createActions } from './actions.js';
import { nameOf } from './commands.js';
import { createDial } from './dial.js';
import { createGoals } from './goals.js';
import { phaseOf } from './store.js';

const PHASES = { running: 'Running', paused: 'Paused', stopped: 'Stopped' };

export function createCard({ state: { sessionId }, submit }) {
  const title = el('h3', { class: 'card-title', tabindex: '-1' });
  const phaseText = el('span', { class: 'card-phase', 'data-phase': true });
  const group = el('span', { class: 'card-group', 'data-group': true });
  const comment = el('p', { class: 'card-comment', 'data-comment': true });
  const time = el('span', { class: 'time', role: 'timer', 'data-elapsed': true });
  const stale = el('span', { class: 'stale' }, 'Last known');
  const waiting = el('p', { class: 'waiting', 'data-waiting': true });
  const dial = createDial();
  const goals = createGoals({ sessionId, submit, refuge: title });
  const actions = createActions({ sessionId, submit, refuge: title, extra: goals.opener });
  const node = el(
    'li',
    { class: 'card', 'data-session-id': sessionId },
    dial.node,
    el('div', { class: 'card-head' }, title, el('p', { class: 'card-meta' }, phaseText, stale, group)),
    el('p', { class: 'card-time' }, time),
    el('div', { class: 'card-body' }, comment, goals.node, actions.node, waiting),
  );

  return {
    node,
    update({ state, elapsedMs, pending, online }) {
      const phase = phaseOf(state);
      const label = state.label || 'Untitled';
      setAttribute(node, 'data-state', phase);
      setText(title, label);
      setText(phaseText, PHASES[phase]);
      setOptional(group, state.groupName || state.groupId);
      setOptional(comment, state.comment);
      setText(time, hms(elapsedMs));
      dial.update(elapsedMs);
      goals.update({ goals: state.goals ?? [], label, pending });
      actions.update({ phase, label, pending });
      setAttribute(waiting, 'data-online', online);
      setText(waiting, waitingText(pending, online));
    },
  };
}

/** What has been asked for and not answered, or nothing. */
export function waitingText(pending, online) {
  if (pending.length === 0) return '';
  const names = pending.map(nameOf).join(', ');
  return online ? `${names}: sending` : `${names} will be sent when back`;
}

function setOptional(node, text) {
  setText(node, text ?? '');
  setShown(node, Boolean(text));
}
