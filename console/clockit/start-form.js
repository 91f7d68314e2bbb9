/** The form that starts a session. */
import { el, setAttribute, setText } from '../dom.js';
import { describePending } from './card.js';
import { LIMITS, newGoal, parseGoalTitles } from './commands.js';

export function createStartForm({ commands }) {
  const label = el('input', {
    id: 'start-label',
    required: true,
    maxlength: LIMITS.label,
    autocomplete: 'off',
    pattern: '.*\\S.*',
    title: 'At least one character that is not a space',
  });
  const comment = el('textarea', { id: 'start-comment', rows: 2, maxlength: LIMITS.comment });
  const goals = el('textarea', { id: 'start-goals', rows: 2, 'aria-describedby': 'start-goals-hint', input: validateGoals });
  const pendingText = el('p', { class: 'pending', 'data-pending': true });

  function validateGoals() {
    const tooMany = parseGoalTitles(goals.value).length > LIMITS.goals;
    goals.setCustomValidity(tooMany ? `At most ${LIMITS.goals} goals` : '');
  }

  function onSubmit(event) {
    event.preventDefault();
    const accepted = commands.start({
      label: label.value.trim(),
      comment: comment.value.trim(),
      goals: parseGoalTitles(goals.value).map(newGoal),
    });
    if (accepted) {
      form.reset();
      details.open = false;
    }
    label.focus();
  }

  const details = el(
    'details',
    { class: 'start-details' },
    el('summary', {}, 'Comment and goals'),
    el('label', { for: 'start-comment' }, 'Comment'),
    comment,
    el('label', { for: 'start-goals' }, 'Goals'),
    goals,
    el('p', { id: 'start-goals-hint', class: 'muted hint' }, 'One per line, or separated by commas.'),
  );
  const form = el(
    'form',
    { class: 'start', submit: onSubmit },
    el('label', { class: 'start-title', for: 'start-label' }, 'What are you timing?'),
    el('div', { class: 'start-row' }, label, el('button', { type: 'submit', class: 'primary' }, 'Start')),
    details,
    pendingText,
  );

  return {
    node: form,
    update({ pending, online }) {
      setAttribute(pendingText, 'data-online', online);
      setText(pendingText, describePending(pending, online));
    },
  };
}
