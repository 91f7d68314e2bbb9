/** Ended sessions, newest first, each with its score; and all of them as CSV. */
import { createConfirmButton } from '../confirm-button.js';
import { csvFile, downloadFile } from '../csv.js';
import { el, setText, setVisible } from '../dom.js';
import { formatInstant, formatMinutes } from '../format.js';
import { t } from '../i18n/translate.js';
import { createKeyedList } from '../keyed-list.js';

const ROWS_MAX = 20;

const FILE_NAME = 'tickcast-focus.csv';

const COLUMNS = ['startedAt', 'endedAt', 'subject', 'targetMinutes', 'status', 'elapsedSeconds', 'activeSeconds', 'idleSeconds', 'tabSwitches', 'focusScore'];

const STATUSES = { completed: 'focus.status.completed', abandoned: 'focus.status.abandoned', cancelled: 'focus.status.cancelled' };

export function createSessionList({ remove }) {
  const title = el('h2', { id: 'focus-list-title', tabindex: '-1' }, t('focus.list.title'));
  const list = el('ol', { class: 'history-list' });
  const note = el('p', { class: 'muted hint' });
  // A row stays when the list is read again: its question can be open.
  const updateRows = createKeyedList(list, { create: (session) => createRow(session, remove), onFocusLost: () => title.focus() });
  return {
    node: el('section', { 'aria-labelledby': 'focus-list-title' }, el('div', { class: 'section-head' }, title), list, note),
    update(sessions) {
      updateRows(sessions.slice(0, ROWS_MAX), ({ id }) => id);
      setVisible(list, sessions.length > 0);
      setText(note, noteOf(sessions.length));
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

function createRow(session, remove) {
  const name = el('span', { class: 'history-name' });
  const points = el('span', { class: 'history-time' });
  const facts = el('span', { class: 'history-date muted' });
  const texts = { open: t('focus.list.delete'), question: t('focus.list.deleteQuestion'), confirm: t('focus.list.deleteConfirm'), keep: t('focus.list.keep') };
  const removal = createConfirmButton({ texts, run: () => remove(session) });
  return {
    node: el('li', { class: 'history-row' }, name, points, facts, el('div', { class: 'history-action' }, removal.node)),
    update({ subject, status, activeSeconds, focusScore, endedAt }) {
      setText(name, subject);
      setText(points, t('focus.score.points', { count: focusScore }));
      setText(facts, `${formatInstant(endedAt)} · ${t(STATUSES[status])} · ${t('focus.list.active', { time: formatMinutes(activeSeconds) })}`);
      removal.update({ name: t('focus.list.deleteNamed', { subject }) });
    },
  };
}
