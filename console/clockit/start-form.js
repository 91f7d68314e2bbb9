/** The form that starts a session. */
import { el, setAttribute, setText } from '../dom.js';
import { waitingText } from './card.js';
import { LIMITS, goalTitles, newGoal, start } from './commands.js';

export function createStartForm({ submit }) {
  const label = el('input', {
    id: 'start-label',
    required: true,
    maxlength: LIMITS.label,
    autocomplete: 'off',
    pattern: '.*\\S.*',
    title: 'A name of at least one letter or digit',
  });
  const comment = el('textarea', { id: 'start-comment', rows: 2, maxlength: LIMITS.comment });
  const goals = el('textarea', { id: 'start-goals', rows: 2, 'aria-describedby': 'start-goals-hint', input: checkGoals });
  const waiting = el('p', { class: 'waiting', 'data-waiting': true });

  function checkGoals() {
    const many = goalTitles(goals.value).length > LIMITS.goals;
    goals.setCustomValidity(many ? `At most ${LIMITS.goals} goals` : '');
  }

  function onSubmit(event) {
    event.preventDefault();
    const taken = submit(start({
      label: label.value.trim(),
      comment: comment.value.trim(),
      goals: goalTitles(goals.value).map(newGoal),
    }));
    if (taken) {
      form.reset();
      more.open = false;
    }
    label.focus();
  }

  const more = el(
    'details',
    { class: 'start-more' },
    el('summary', {}, 'Comment and goals'),
    el('label', { for: 'start-comment' }, 'Comment'),
    comment,
    el('label', { for: 'start-goals' }, 'Goals'),
    goals,
    el('p', { id: 'start-goals-hint', class: 'muted hint' }, 'One a line, or separated by commas.'),
  );
  const form = el(
    'form',
    { class: 'start', submit: onSubmit },
    el('label', { class: 'start-question', for: 'start-label' }, 'What are you timing?'),
    el('div', { class: 'start-row' }, label, el('button', { type: 'submit', class: 'primary' }, 'Start')),
    more,
    waiting,
  );

  return {
    node: form,
    update({ pending, online }) {
      setAttribute(waiting, 'data-online', online);
      setText(waiting, waitingText(pending, online));
    },
  };
}
