/** Mounts the punch clock page in `main` and connects it to the server. */
import { setAttribute } from '../dom.js';
import { formatElapsed } from '../format.js';
import { createHistoryView } from '../history/history-view.js';
import { t } from '../i18n/translate.js';
import { accountOf, credentialOf } from '../identity.js';
import { PunchClockClient } from '../lib/tickcast/punch-clock/index.js';
import { dayOfLog } from './archive.js';
import { loadRows } from './archived-days.js';
import { loadTargetHours, saveTargetHours } from './target-storage.js';
import { createPunchClockView } from './view.js';

const WEEK_DAYS = 7;

const CHANGES = { IN: 'punch.announce.in', OUT: 'punch.announce.out' };

/** `shell` provides what all pages share: `announce`, `notify` and `createConnectionStatus(options)`. */
export function mount(main, identity, storage, shell) {
  const client = new PunchClockClient({ url: new URL('.', location.href), credential: credentialOf(identity), storage, account: accountOf(identity) });
  let targetHours = loadTargetHours(storage);
  let archivedSeconds = new Map();
  let displayedDate = null;
  let status = null;
  const logs = (query) => client.logs(query);
  const chart = createHistoryView({ id: 'days-history', title: t('punch.chart'), emptyText: t('punch.archive.empty'), load: (range) => loadRows(logs, range) });
  const view = createPunchClockView({ main, actions: createActions(), logs, chart, targetHours });
  const updateConnectionStatus = shell.createConnectionStatus({ onRetry: () => client.retryNow(), offlineText: t('punch.offline') });

  function createActions() {
    const settle = (result, text) => (result.ok ? view.note(text) : shell.notify(t('punch.error.setting', { message: result.error.message })));
    return {
      punch: (type) => (type === 'IN' ? client.clockIn() : client.clockOut()),
      onExportError: () => shell.notify(t('clockit.downloadFailed')),
      setTarget(hours) {
        targetHours = hours;
        saveTargetHours(storage, hours);
        render();
      },
      async setZone(zone) {
        settle(await client.setZone(zone), t('punch.zone.saved', { zone }));
        refreshDays();
      },
      async setTheme(theme) {
        const result = await client.setTheme(theme);
        settle(result, result.ok && result.value.ignored.length > 0 ? t('punch.theme.ignored', { theme }) : t('punch.theme.saved'));
      },
      async reset() {
        settle(await client.reset(), t('punch.reset.done'));
      },
    };
  }

  async function refreshDays() {
    view.refreshArchive();
    const result = await client.logs({ limit: WEEK_DAYS });
    if (!result.ok) return;
    archivedSeconds = new Map(result.value.logs.map((log) => [dayOfLog(log), log.dailyStats.totalWorkMinutes * 60]));
    render();
  }

  function announceStatus({ currentStatus }) {
    if (status !== null && status !== currentStatus) shell.announce(t(CHANGES[currentStatus]));
    status = currentStatus;
  }

  function render() {
    const snapshot = client.getSnapshot();
    const { connection, day, workSeconds, pending, times } = snapshot;
    const online = connection.phase === 'online';
    view.update({ snapshot, archivedSeconds, targetSeconds: targetHours * 3600 });
    updateConnectionStatus({ connectionState: connection, stale: online && times !== 'live', loaded: day !== null, pendingCount: pending.length });
    document.title = `${workSeconds > 0 ? `${formatElapsed(workSeconds * 1000)} · ` : ''}${t('page.punchClock')}`;
    setAttribute(document.documentElement, 'data-theme', day?.currentTheme);
    if (day === null) return;
    announceStatus(day);
    // A new day has archived the last one.
    if (day.lastActiveDate !== displayedDate) {
      displayedDate = day.lastActiveDate;
      refreshDays();
    }
  }

  client.subscribe(render);
  client.onError((error) => shell.notify(t(error.kind === 'command' ? 'punch.error.punch' : 'punch.error.server', { message: error.message })));
  addEventListener('beforeunload', (event) => {
    const { pending, pendingIsStored } = client.getSnapshot();
    if (pending.length > 0 && !pendingIsStored) event.preventDefault();
  });
  client.open();
}
