/** The studio page. Keeps no model of its own. */
import { el, setText, setVisible } from '../dom.js';
import { t } from '../i18n/translate.js';
import { createRunningList } from './running-list.js';
import { createStartPanel } from './start-panel.js';

export function createStudioView({ main, storage, actions, list, chart }) {
  const loading = el('p', { class: 'loading' }, t('studio.loading'));
  const problem = el('p', { class: 'join-error', role: 'status', 'data-load-error': true, hidden: true });
  const start = createStartPanel({ storage, start: actions.start, editType: actions.editType });
  const running = createRunningList({ stop: actions.stop, correct: actions.correct });
  const pendingText = el('p', { class: 'pending', 'data-pending': true });
  const page = el(
    'div',
    { class: 'page' },
    el('div', { class: 'page-main' }, running.node, pendingText),
    el('div', { class: 'page-aside studio-aside' }, start.node),
    el('div', { class: 'page-wide' }, chart.node, list.node),
  );
  main.replaceChildren(problem, loading, page);
  let shownTypes = null;

  return {
    update({ connection, entries, taskTypes, loaded, loadError, pending }) {
      const online = connection.phase === 'online';
      setVisible(loading, !loaded && loadError === null);
      setVisible(page, loaded, main);
      setVisible(problem, loadError !== null);
      setText(problem, loadError ? errorText(loadError) : '');
      start.update({ taskTypes, online });
      running.update({ entries, pending, online });
      setText(pendingText, pending.length > 0 ? t('studio.pending', { count: pending.length }) : '');
      if (shownTypes === taskTypes) return;
      shownTypes = taskTypes;
      list.setTaskTypes(taskTypes);
    },
  };
}

function errorText({ status, message }) {
  return status === 401 ? t('studio.error.login') : t('studio.error.load', { message });
}
