/** Ended sessions, newest first, each with its score; and all of them as CSV. */
import { createConfirmButton } from '../confirm-button.js';
import { csvFile, downloadFile } from '../csv.js';
import { el, setText, setVisible } from '../dom.js';
import { formatInstant, formatMinutes } from '../format.js';
import { t } from '../i18n/translate.js';

const ROWS_MAX = 20;

const FILE_NAME = 'tickcast-focus.csv';

const COLUMNS = ['startedAt', 'endedAt', 'subject', 'targetMinutes', 'status', 'elapsedSeconds', 'activeSeconds', 'idleSeconds', 'tabSwitches', 'focusScore'];

const STATUSES = { completed: 'focus.status.completed', abandoned: 'focus.status.abandoned', cancelled: 'focus.status.cancelled' };

export function createSessionList({ remove }) {
  const title = el('h2', { id: 'focus-list-title', tabindex: '-1' }, t('focus.list.title'));
  const list = el('ol', { class: 'history-list' });
  const note = el('p', { class: 'muted hint' });
  return {
    node: el('section', { 'aria-labelledby': 'focus-list-title' }, el('div', { class: 'section-head' }, title), list, note),
    update(sessions) {
      const losesFocus = list.contains(document.activeElement);
      list.replaceChildren(...sessions.slice(0, ROWS_MAX).map((session) => rowOf(session, remove)));
      setVisible(list, sessions.length > 0);
      setText(note, noteOf(sessions.length));
      if (losesFocus) title.focus();
    },
  };
}

/** Lets the reader store all sessions. */
export function downloadSessions(sessions) {
  downloadFile(csvFile(COLUMNS, sessions.map((session) => COLUMNS.map((column) => session[column]))), FILE_NAME);
}

function noteOf(count) {
  if (count === 0) return t('focus.list.empty');
  return count > ROWS_MAX ? t('focus.list.more', { count: ROWS_MAX }) : '';
}

function rowOf(session, remove) {
  const { subject, status, activeSeconds, focusScore, endedAt } = session;
  const texts = { open: t('focus.list.delete'), question: t('focus.list.deleteQuestion'), confirm: t('focus.list.deleteConfirm'), keep: t('focus.list.keep') };
  return el(
    'li',
    { class: 'history-row' },
    el('span', { class: 'history-name' }, subject),
    el('span', { class: 'history-time' }, t('focus.score.points', { count: focusScore })),
    el('span', { class: 'history-date muted' }, `${formatInstant(endedAt)} · ${t(STATUSES[status])} · ${t('focus.list.active', { time: formatMinutes(activeSeconds) })}`),
    el('div', { class: 'history-action' }, createConfirmButton({ texts, name: t('focus.list.deleteNamed', { subject }), run: () => remove(session) })),
  );
}
