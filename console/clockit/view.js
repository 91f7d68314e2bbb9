/** The timers page: start form, live sessions, history. Keeps no model of its own. */
import { el, setText, setVisible } from '../dom.js';
import { t } from '../i18n/translate.js';
import { createKeyedList } from '../keyed-list.js';
import { createCard } from './card.js';
import { createDial } from './dial.js';
import { createHistory } from './history.js';
import { createStartForm } from './start-form.js';

export function createTimersView({ main, identity, commands, onDownloadError }) {
  const form = createStartForm({ commands });
  const history = createHistory({ identity, onDownloadError });
  const title = el('h2', { id: 'sessions-title', tabindex: '-1' }, t('page.timers'));
  const count = el('span', { class: 'muted', 'data-count': true });
  const list = el('ul', { class: 'cards', 'aria-labelledby': 'sessions-title' });
  const empty = createEmptyState();
  const loading = el('p', { class: 'loading' }, t('clockit.loading'));
  const updateList = createKeyedList(list, {
    create: ({ state }) => createCard({ state, commands }),
    onFocusLost: (neighbour) => (neighbour?.querySelector('h3') ?? title).focus(),
  });
  list.addEventListener('keydown', ignoreHeldKeys);
  const head = el('div', { class: 'section-head' }, title, count);
  const sessions = el('section', { 'aria-labelledby': 'sessions-title' }, head, loading, empty, list);
  main.replaceChildren(el('div', { class: 'page' }, el('div', { class: 'page-main' }, form.node, sessions), history.node));

  function update({ sessions: all, loaded, pending, fresh, online }) {
    const items = [...all.values()].map((session) => ({
      ...session,
      online,
      pending: pending.filter((message) => message.payload.sessionId === session.state.sessionId),
    }));
    updateList(items, ({ state }) => state.sessionId);
    form.update({ pending: pending.filter(({ type }) => type === 'session-start'), online });
    setVisible(loading, !loaded);
    setVisible(empty, loaded && items.length === 0);
    setVisible(list, items.length > 0, title);
    const running = items.filter(({ state }) => state.running).length;
    setText(count, items.length === 0 ? '' : t(fresh ? 'clockit.running' : 'clockit.runningLastKnown', { count: running }));
  }

  return { update, refreshHistory: history.refresh };
}

function createEmptyState() {
  const dial = createDial();
  dial.update(0);
  return el(
    'div',
    { class: 'empty', hidden: true },
    dial.node,
    el('p', { class: 'empty-title' }, t('clockit.empty')),
    el('p', { class: 'muted' }, t('clockit.emptyHint')),
  );
}

/** Ignores a held Enter key, which would press a button repeatedly and pause and resume without end. */
function ignoreHeldKeys(event) {
  if (event.repeat && event.target.matches('button')) event.preventDefault();
}
