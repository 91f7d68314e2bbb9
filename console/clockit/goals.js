/** The goals of one session: tick off, detach, and a small form to attach another. */
import { el, setAttribute, setText } from '../dom.js';
import { keyed } from '../keyed.js';
import { attach, detach, newGoal, withCompleted } from './commands.js';

export function createGoals({ sessionId, submit, refuge, now = Date.now }) {
  const list = el('ul', { class: 'goals' });
  const { opener, form } = attachForm((title) => submit(attach(sessionId, newGoal(title))));
  const updateList = keyed(list, {
    create: () => createGoal({
      toggle: (goal, completed) => submit(attach(sessionId, withCompleted(goal, completed, now()))),
      detach: (goal) => submit(detach(sessionId, goal.id)),
    }),
    onFocusLost: (neighbour) => (neighbour?.querySelector('input') ?? refuge).focus(),
  });

  return {
    opener,
    node: el('div', { class: 'goals-block' }, list, form),
    update({ goals, label, pending }) {
      updateList(goals.map((goal) => intended(goal, pending)), ({ goal }) => goal.id);
      list.hidden = goals.length === 0;
      setAttribute(list, 'aria-label', `Goals of ${label}`);
      setAttribute(opener, 'aria-label', `Attach goal to ${label}`);
    },
  };
}

/** A goal as the person last set it, while the server has not answered yet. */
function intended(goal, pending) {
  const changed = pending.findLast((message) => message.payload.goal?.id === goal.id);
  const leaving = pending.some((message) => message.payload.goalId === goal.id);
  return { goal, completed: Boolean((changed?.payload.goal ?? goal).completed), leaving };
}

function createGoal({ toggle, detach }) {
  let current;
  const box = el('input', { type: 'checkbox', change: () => toggle(current.goal, box.checked) });
  const title = el('span', { class: 'goal-title' });
  const leave = el('button', { type: 'button', class: 'quiet', click: () => !current.leaving && detach(current.goal) }, 'Detach');
  const node = el('li', { class: 'goal' }, el('label', { class: 'goal-label' }, box, title), leave);

  return {
    node,
    update(next) {
      current = next;
      const name = String(next.goal.title ?? next.goal.id);
      setText(title, name);
      if (box.checked !== next.completed) box.checked = next.completed;
      setAttribute(node, 'data-completed', next.completed);
      setAttribute(leave, 'aria-label', `Detach ${name}`);
      setAttribute(leave, 'aria-disabled', next.leaving ? 'true' : null);
    },
  };
}

function attachForm(onTitle) {
  const input = el('input', { required: true, maxlength: 500, autocomplete: 'off' });
  const submit = (event) => {
    event.preventDefault();
    const title = input.value.trim();
    if (title && onTitle(title)) input.value = '';
    input.focus();
  };
  const cancel = el('button', { type: 'button', class: 'quiet', click: () => show(false) }, 'Close');
  const form = el(
    'form',
    { class: 'row-form', hidden: true, submit },
    el('label', { class: 'field-inline' }, el('span', {}, 'New goal'), input),
    el('button', { type: 'submit', class: 'secondary' }, 'Attach'),
    cancel,
  );
  form.addEventListener('keydown', (event) => event.key === 'Escape' && show(false));
  const opener = el('button', { type: 'button', class: 'quiet', 'aria-expanded': 'false', click: () => show(true) }, 'Attach goal');

  function show(open) {
    form.hidden = !open;
    opener.hidden = open;
    opener.setAttribute('aria-expanded', open);
    (open ? input : opener).focus();
  }
  return { opener, form };
}
