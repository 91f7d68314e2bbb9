/** Mounts the history of finished sessions in `main`, and keeps it up to date. */
import { el } from '../dom.js';
import { createHistoryView } from '../history/history-view.js';
import { t } from '../i18n/translate.js';
import { credentialOf } from '../identity.js';
import { ClockitClient, ClockitHistory } from '../lib/tickcast/clockit/index.js';
import { createDownload } from './download.js';
import { loadRows } from './history-rows.js';

/** `shell` provides what all pages share: `notify` and `createConnectionStatus(options)`. */
export function mount(main, identity, storage, shell) {
  const url = new URL('.', location.href);
  const history = new ClockitHistory({ url, credential: credentialOf(identity) });
  const client = new ClockitClient({ url, credential: credentialOf(identity), storage });
  const view = createHistoryView({
    id: 'sessions-history',
    title: t('clockit.history.title'),
    emptyText: t('clockit.history.chartHint'),
    load: (range) => loadRows(history, range),
    actions: [
      el('a', { class: 'tertiary', href: '#/' }, t('clockit.history.back')),
      createDownload({ history, identity, onError: () => shell.notify(t('clockit.downloadFailed')) }),
    ],
  });
  const updateConnectionStatus = shell.createConnectionStatus({ onRetry: () => client.retryNow(), offlineText: t('clockit.offline') });
  let wasOnline = false;

  function render() {
    const { connection, loaded, pending, times } = client.getSnapshot();
    const online = connection.phase === 'online';
    if (online && !wasOnline) view.refresh();
    wasOnline = online;
    updateConnectionStatus({ connectionState: connection, stale: online && times !== 'live', loaded, pendingCount: pending.length });
  }

  main.replaceChildren(view.node);
  document.title = `${t('clockit.history.title')} · Tickcast`;
  client.subscribe(render);
  client.onSessionChanges((changes) => changes.some(({ kind }) => kind === 'stopped') && view.refresh());
  client.open();
}
