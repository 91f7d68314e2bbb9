/** Mounts the focus page in `main` and connects it to the server. */
import { dayOf } from '../calendar.js';
import { el } from '../dom.js';
import { formatElapsed } from '../format.js';
import { createHistoryView } from '../history/history-view.js';
import { t } from '../i18n/translate.js';
import { accountOf, credentialOf } from '../identity.js';
import { FocusClient } from '../lib/tickcast/focus/index.js';
import { downloadSessions } from './session-list.js';
import { createFocusView, stateOf } from './view.js';

const CHANGES = {
  idle: 'focus.announce.idle',
  active: 'focus.announce.active',
  paused: 'focus.announce.paused',
  completed: 'focus.announce.ended',
  abandoned: 'focus.announce.ended',
  cancelled: 'focus.announce.ended',
};

/** `shell` provides what all pages share: `announce`, `notify` and `createConnectionStatus(options)`. */
export function mount(main, identity, storage, shell) {
  const client = new FocusClient({ url: new URL('.', location.href), credential: credentialOf(identity), storage, account: accountOf(identity) });
  let ended = [];
  let state = null;
  const download = el('button', { type: 'button', class: 'tertiary', click: () => downloadSessions(ended) }, t('focus.list.download'));
  const chart = createHistoryView({ id: 'focus-history', title: t('focus.chart'), emptyText: t('focus.list.empty'), load: loadRows, actions: [download] });
  const view = createFocusView({
    main,
    chart,
    actions: {
      start: async (session) => (await client.start(session)).ok,
      pause: () => client.pause(),
      resume: () => client.resume(),
      stop: (status) => client.stop(status),
      async remove({ id }) {
        const result = await client.remove(id);
        if (!result.ok) shell.notify(t('focus.error.delete', { message: result.error.message }));
        chart.refresh();
      },
    },
  });
  const updateConnectionStatus = shell.createConnectionStatus({ onRetry: () => client.retryNow(), offlineText: t('focus.offline') });
  let wasOnline = false;

  async function loadRows({ from }) {
    const result = await client.list();
    if (!result.ok) return { ok: false };
    ended = result.value.filter(({ endedAt }) => endedAt !== null);
    view.updateHistory(ended);
    const rows = ended.map(({ startedAt, subject, activeSeconds }) => ({ day: dayOf(startedAt), label: subject, seconds: activeSeconds }));
    return { ok: true, rows: rows.filter(({ day }) => day >= from), isComplete: true };
  }

  function handleState(next) {
    if (next === state) return;
    if (state !== null && CHANGES[next]) shell.announce(t(CHANGES[next]));
    const hasEnded = CHANGES[next] === 'focus.announce.ended';
    if (hasEnded) chart.refresh();
    state = next;
  }

  function render() {
    const snapshot = client.getSnapshot();
    const { connection, loaded, session, times, pending } = snapshot;
    const online = connection.phase === 'online';
    view.update(snapshot);
    updateConnectionStatus({ connectionState: connection, stale: online && times === 'continued', loaded, pendingCount: pending.length });
    const isOpen = session !== null && session.endedAt === null;
    document.title = isOpen ? `${formatElapsed(session.elapsedSeconds * 1000)} · ${session.subject}` : `${t('page.focus')} · Tickcast`;
    if (loaded) handleState(session ? stateOf(snapshot) : 'none');
    if (online && !wasOnline) chart.refresh();
    wasOnline = online;
  }

  client.subscribe(render);
  client.onError((error) => shell.notify(t('focus.error.command', { message: error.message })));
  client.open();
}
