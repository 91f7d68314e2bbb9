/** The stopwatch page: start form, live sessions, history. Holds no state of its own. */
import { el, setShown, setText } from '../dom.js';
import { keyed } from '../keyed.js';
import { createCard } from './card.js';
import { createDial } from './dial.js';
import { createHistory } from './history.js';
import { createStartForm } from './start-form.js';

export function createView({ main, who, submit, onHistoryFailed }) {
  const form = createStartForm({ submit });
  const history = createHistory({ who, onFailed: onHistoryFailed });
  const title = el('h2', { id: 'sessions-title', tabindex: '-1' }, 'Timers');
  const count = el('span', { class: 'muted', 'data-count': true });
  const list = el('ul', { class: 'cards', 'aria-labelledby': 'sessions-title' });
  const empty = emptyState();
  const loading = el('p', { class: 'blank' }, 'Waiting for the server…');
  const updateList = keyed(list, {
    create: ({ state }) => createCard({ state, submit }),
    onFocusLost: (neighbour) => (neighbour?.querySelector('h3') ?? title).focus(),
  });
  list.addEventListener('keydown', ignoreHeldKeys);
  const head = el('div', { class: 'section-head' }, title, count);
  const sessions = el('section', { 'aria-labelledby': 'sessions-title' }, head, loading, empty, list);
  main.replaceChildren(el('div', { class: 'page' }, el('div', { class: 'page-main' }, form.node, sessions), history.node));

  function update({ model, pending, fresh, online }) {
    const shown = [...model.sessions.values()].map(({ state, elapsedMs }) => ({
      state,
      elapsedMs,
      online,
      pending: pending.filter((message) => message.payload.sessionId === state.sessionId),
    }));
    updateList(shown, ({ state }) => state.sessionId);
    form.update({ pending: pending.filter(({ type }) => type === 'session-start'), online });
    setShown(loading, !model.loaded);
    setShown(empty, model.loaded && shown.length === 0);
    setShown(list, shown.length > 0, title);
    const running = shown.filter(({ state }) => state.running).length;
    setText(count, shown.length === 0 ? '' : `${running} running${fresh ? '' : ', last known'}`);
  }

  return { update, refreshHistory: history.refresh };
}

function emptyState() {
  const dial = createDial();
  dial.update(0);
  return el(
    'div',
    { class: 'empty', hidden: true },
    dial.node,
    el('p', { class: 'empty-title' }, 'Nothing is being timed'),
    el(
      'p',
      { class: 'muted' },
      'Name what you are about to do and press Start. The time is kept on the server: close this page, open it on another device, and it shows the same second.',
    ),
  );
}

/** A held Enter key presses a button again and again, and would pause and resume without end. */
function ignoreHeldKeys(event) {
  if (event.repeat && event.target.matches('button')) event.preventDefault();
}
