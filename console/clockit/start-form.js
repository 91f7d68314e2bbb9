/** The form that starts a session. */
import { el, setAttribute, setText } from '../dom.js';
import { t } from '../i18n/translate.js';
import { describePending } from './card.js';
import { LIMITS, newGoal, parseGoalTitles } from './commands.js';

export function createStartForm({ commands }) {
  const label = el('input', {
    id: 'start-label',
    required: true,
    maxlength: LIMITS.label,
    autocomplete: 'off',
    pattern: '.*\\S.*',
    title: t('input.notBlank'),
  });
  const comment = el('textarea', { id: 'start-comment', rows: 2, maxlength: LIMITS.comment });
  const goals = el('textarea', { id: 'start-goals', rows: 2, 'aria-describedby': 'start-goals-hint', input: validateGoals });
  const pendingText = el('p', { class: 'pending', 'data-pending': true });

  function validateGoals() {
    const tooMany = parseGoalTitles(goals.value).length > LIMITS.goals;
    goals.setCustomValidity(tooMany ? t('clockit.start.goalsMax', { count: LIMITS.goals }) : '');
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
    el('summary', {}, t('clockit.start.details')),
    el('label', { for: 'start-comment' }, t('clockit.start.comment')),
    comment,
    el('label', { for: 'start-goals' }, t('clockit.start.goals')),
    goals,
    el('p', { id: 'start-goals-hint', class: 'muted hint' }, t('clockit.start.goalsHint')),
  );
  const form = el(
    'form',
    { class: 'start', submit: onSubmit },
    el('label', { class: 'start-title', for: 'start-label' }, t('clockit.start.title')),
    el('div', { class: 'start-row' }, label, el('button', { type: 'submit', class: 'primary' }, t('clockit.start.action'))),
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
