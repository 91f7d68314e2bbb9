/** The focus page: the session or the form to start one, the score, the statistics, and the history. */
import { el, setText, setVisible } from '../dom.js';
import { formatMinutes } from '../format.js';
import { t } from '../i18n/translate.js';
import { createScoreTable } from './score-table.js';
import { createSessionList } from './session-list.js';
import { createSessionView } from './session-view.js';
import { createStartForm } from './start-form.js';

export function createFocusView({ main, actions, chart }) {
  const loading = el('p', { class: 'loading' }, t('focus.loading'));
  const session = createSessionView({ actions });
  const form = createStartForm({ start: actions.start });
  const score = createScoreTable();
  const stats = createStats();
  const list = createSessionList({ remove: actions.remove });
  const page = el(
    'div',
    { class: 'page' },
    el('div', { class: 'page-main' }, form.node, session.node),
    el('div', { class: 'page-aside' }, stats.node, score.node),
    el('div', { class: 'page-wide' }, chart.node, list.node),
  );
  main.replaceChildren(loading, page);

  return {
    updateHistory: list.update,
    update(snapshot) {
      const { connection, loaded, session: current, score: currentScore, stats: sums } = snapshot;
      const isOpen = current !== null && (current.status === 'active' || current.status === 'paused');
      setVisible(loading, !loaded);
      setVisible(page, loaded, main);
      const losesForm = isOpen && form.node.contains(document.activeElement);
      setVisible(session.node, current !== null, main);
      if (current) session.update({ session: current, state: stateOf(snapshot), activity: snapshot.activity, pending: snapshot.pending });
      setVisible(form.node, !isOpen);
      if (losesForm) session.focus();
      form.update({ online: connection.phase === 'online' });
      setVisible(score.node, current !== null);
      if (current && currentScore) score.update(currentScore, current);
      if (sums) stats.update(sums);
    },
  };
}

/** What the page says of a session: what it does, or how it has ended. */
export function stateOf({ session, idle, isTracked, times }) {
  if (session.status !== 'active') return session.status;
  if (!isTracked && times !== 'continued') return 'untracked';
  return idle ? 'idle' : 'active';
}

function createStats() {
  const streak = el('p', { class: 'streak', 'data-streak': true });
  const facts = { minutes: el('dd', {}), sessions: el('dd', {}), score: el('dd', {}) };
  const names = { minutes: 'focus.stats.minutes', sessions: 'focus.stats.sessions', score: 'focus.stats.score' };
  const entries = Object.entries(facts).map(([name, value]) => el('div', {}, el('dt', {}, t(names[name])), value));
  return {
    node: el(
      'section',
      { 'aria-labelledby': 'stats-title' },
      el('div', { class: 'section-head' }, el('h2', { id: 'stats-title' }, t('focus.stats.title'))),
      streak,
      el('dl', { class: 'today-facts' }, ...entries),
    ),
    update({ focusScore, dayStreak, totalFocusMinutes, completedSessions }) {
      setText(streak, dayStreak > 0 ? t('focus.stats.streak', { count: dayStreak }) : t('focus.stats.noStreak'));
      setText(facts.minutes, formatMinutes(totalFocusMinutes * 60));
      setText(facts.sessions, t('focus.stats.count', { count: completedSessions }));
      setText(facts.score, t('focus.score.points', { count: focusScore }));
    },
  };
}
