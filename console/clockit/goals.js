/** The goals of one session: complete, detach, and a small form to attach one. */
import { el, setAttribute, setText } from '../dom.js';
import { t } from '../i18n/translate.js';
import { createKeyedList } from '../keyed-list.js';
import { newGoal, withCompleted } from './commands.js';

export function createGoals({ sessionId, commands, focusFallback, now = Date.now }) {
  const list = el('ul', { class: 'goals' });
  const { opener, form } = createAttachForm((title) => commands.attachGoal(sessionId, newGoal(title)));
  const updateList = createKeyedList(list, {
    create: () => createGoal({
      toggle: (goal, completed) => commands.attachGoal(sessionId, withCompleted(goal, completed, now())),
      detach: (goal) => commands.detachGoal(sessionId, goal.id),
    }),
    onFocusLost: (neighbour) => (neighbour?.querySelector('input') ?? focusFallback).focus(),
  });

  return {
    opener,
    node: el('div', { class: 'goals-block' }, list, form),
    update({ goals, label, pending }) {
      updateList(goals.map((goal) => withPending(goal, pending)), ({ goal }) => goal.id);
      list.hidden = goals.length === 0;
      setAttribute(list, 'aria-label', t('clockit.goals.of', { label }));
      setAttribute(opener, 'aria-label', t('clockit.goals.attachTo', { label }));
    },
  };
}

/** Applies the commands without an answer to a goal. */
function withPending(goal, pending) {
  const changed = pending.findLast((message) => message.payload.goal?.id === goal.id);
  const detaching = pending.some((message) => message.payload.goalId === goal.id);
  return { goal, completed: Boolean((changed?.payload.goal ?? goal).completed), detaching };
}

function createGoal({ toggle, detach }) {
  let current;
  const checkbox = el('input', { type: 'checkbox', change: () => toggle(current.goal, checkbox.checked) });
  const title = el('span', { class: 'goal-title' });
  const detachButton = el('button', { type: 'button', class: 'tertiary', click: () => !current.detaching && detach(current.goal) }, t('clockit.goals.detach'));
  const node = el('li', { class: 'goal' }, el('label', { class: 'goal-label' }, checkbox, title), detachButton);

  return {
    node,
    update(next) {
      current = next;
      const name = String(next.goal.title ?? next.goal.id);
      setText(title, name);
      if (checkbox.checked !== next.completed) checkbox.checked = next.completed;
      setAttribute(node, 'data-completed', next.completed);
      setAttribute(detachButton, 'aria-label', t('clockit.goals.detachNamed', { goal: name }));
      setAttribute(detachButton, 'aria-disabled', next.detaching ? 'true' : null);
    },
  };
}

function createAttachForm(onTitle) {
  const input = el('input', { required: true, maxlength: 500, autocomplete: 'off' });
  const submit = (event) => {
    event.preventDefault();
    const title = input.value.trim();
    if (title && onTitle(title)) input.value = '';
    input.focus();
  };
  const close = el('button', { type: 'button', class: 'tertiary', click: () => setOpen(false) }, t('clockit.goals.close'));
  const form = el(
    'form',
    { class: 'row-form', hidden: true, submit },
    el('label', { class: 'field-inline' }, el('span', {}, t('clockit.goals.new')), input),
    el('button', { type: 'submit', class: 'secondary' }, t('clockit.goals.attach')),
    close,
  );
  form.addEventListener('keydown', (event) => event.key === 'Escape' && setOpen(false));
  const opener = el('button', { type: 'button', class: 'tertiary', 'aria-expanded': 'false', click: () => setOpen(true) }, t('clockit.goals.attachGoal'));

  function setOpen(open) {
    form.hidden = !open;
    opener.hidden = open;
    opener.setAttribute('aria-expanded', open);
    (open ? input : opener).focus();
  }
  return { opener, form };
}
