/** Mounts the studio page in `main` and connects it to the server. */
import { addDays, dayOf, startOfDay } from '../calendar.js';
import { createHistoryView } from '../history/history-view.js';
import { t } from '../i18n/translate.js';
import { accountOf } from '../identity.js';
import { io } from '../lib/socket.io-client/socket.io.esm.min.js';
import { StudioClient } from '../lib/tickcast/studio/index.js';
import { createCorrectionDialog } from './correction-dialog.js';
import { createEntryList } from './entry-list.js';
import { validColor } from './task-type.js';
import { createTypeDialog } from './type-dialog.js';
import { createStudioView } from './view.js';

const CHANGES = { 'timer:started': 'studio.announce.started', 'timer:stopped': 'studio.announce.stopped', 'timer:adjusted': 'studio.announce.adjusted' };

/** `shell` provides what all pages share: `announce`, `notify` and `createConnectionStatus(options)`. */
export function mount(main, identity, storage, shell) {
  // A bare user id has no organisation; the cookies of a web server may have one.
  const login = identity?.token ? { credential: { token: identity.token }, account: accountOf(identity) } : {};
  const client = new StudioClient({ url: new URL('.', location.href), io, storage, ...login });
  const dialog = createCorrectionDialog({ save: adjust });
  const typeDialog = createTypeDialog({ save: saveType });
  const correct = (entry, opener) => dialog.open(entry, opener);
  const entries = (filter) => client.entries(filter);
  const list = createEntryList({ entries, correct, onExportError: () => shell.notify(t('clockit.downloadFailed')) });
  const chart = createHistoryView({ id: 'studio-history', title: t('studio.chart'), emptyText: t('studio.list.empty'), load: loadRows });
  const view = createStudioView({
    main,
    storage,
    list,
    chart,
    actions: {
      correct,
      start: (entry) => client.start(entry),
      stop: (id) => client.stop(id),
      editType: (taskType, opener) => typeDialog.open(taskType, opener),
    },
  });
  const updateConnectionStatus = shell.createConnectionStatus({ onRetry: () => client.retryNow(), offlineText: t('studio.offline') });
  let wasLoaded = false;
  let wasOnline = false;

  async function adjust(adjustment) {
    const result = await client.adjust(adjustment);
    if (result.ok) refreshHistory();
    return result.ok ? null : t('studio.error.adjust', { message: result.error.message });
  }

  async function saveType({ id, ...values }) {
    const result = await (id === undefined ? client.createTaskType(values) : client.updateTaskType(id, values));
    return result.ok ? null : t('studio.error.type', { message: result.error.message });
  }

  async function loadRows({ from, to }) {
    const dateRange = { start: new Date(startOfDay(from)), end: new Date(startOfDay(addDays(to, 1)) - 1) };
    const result = await client.entries({ dateRange });
    if (!result.ok) return { ok: false };
    const finished = result.value.entries.filter(({ durationMinutes }) => durationMinutes !== null);
    return { ok: true, rows: finished.map(rowOf), isComplete: true };
  }

  function rowOf({ startTime, taskType, durationMinutes }) {
    const label = taskType?.name ?? t('studio.unknownType');
    return { day: dayOf(startTime), label, color: validColor(taskType?.color), seconds: durationMinutes * 60 };
  }

  function refreshHistory() {
    list.refresh();
    chart.refresh();
  }

  function onEvent({ type }) {
    shell.announce(t(CHANGES[type]));
    list.refresh();
    // The chart has finished entries only.
    if (type !== 'timer:started') chart.refresh();
  }

  function render() {
    const snapshot = client.getSnapshot();
    const { connection, entries: running, loaded, pending, times } = snapshot;
    const online = connection.phase === 'online';
    view.update(snapshot);
    updateConnectionStatus({ connectionState: connection, stale: online && loaded && times !== 'live', loaded, pendingCount: pending.length });
    document.title = running.size > 0 ? t('studio.titleOf', { count: running.size }) : `${t('page.studio')} · Tickcast`;
    if ((loaded && !wasLoaded) || (online && !wasOnline && loaded)) refreshHistory();
    [wasLoaded, wasOnline] = [loaded, online];
  }

  document.body.append(dialog.node, typeDialog.node);
  client.subscribe(render);
  client.onEvent(onEvent);
  client.onError((error) => error.kind === 'command' && shell.notify(t('studio.error.command', { message: error.message })));
  client.open();
}
