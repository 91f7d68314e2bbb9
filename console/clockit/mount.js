/** Mounts the timers page in `main` and connects it to the server. */
import { formatElapsed } from '../format.js';
import { socketUrl } from '../identity.js';
import { announcementOf } from './announcements.js';
import { ClockitClient } from './client.js';
import { commandName } from './commands.js';
import { errorText } from './error-text.js';
import { newestRunning } from './model.js';
import { createTimersView } from './view.js';

/** `shell` provides what all pages share: `announce`, `notify` and `createConnectionStatus(options)`. */
export function mountClockit(main, identity, shell) {
  const client = new ClockitClient({
    url: socketUrl(location, 'session', { ...identity, dialect: 'v1' }),
    onChange: () => render(),
    onSessionChanges,
    onError: (message, error) => shell.notify(errorText(message ? commandName(message) : 'Server', error)),
  });
  const view = createTimersView({
    main,
    identity,
    submit,
    onDownloadError: () => shell.notify('Download: the server did not return the file. Try again in a moment.'),
  });
  const updateConnectionStatus = shell.createConnectionStatus({
    onRetry: () => client.retryNow(),
    offlineText: 'Your timers keep running; the times below are the last known ones.',
  });
  let wasOnline = false;

  function submit(command) {
    const accepted = client.submit(command);
    if (accepted && client.connectionState.phase !== 'online') {
      shell.announce(`${commandName(command)} will be sent after reconnecting.`);
    }
    return accepted;
  }

  function onSessionChanges(changes) {
    shell.announce(announcementOf(changes));
    if (changes.some(({ kind }) => kind === 'stopped')) view.refreshHistory();
  }

  function render() {
    const { connectionState, model, pending, stale, fresh } = client;
    const online = connectionState.phase === 'online';
    if (online && !wasOnline) view.refreshHistory();
    wasOnline = online;
    view.update({ model, pending, fresh, online });
    updateConnectionStatus({ connectionState, stale, loaded: model.loaded, pendingCount: pending.length });
    document.title = documentTitle(newestRunning(model), fresh);
  }

  addEventListener('beforeunload', (event) => client.pending.length > 0 && event.preventDefault());
  client.open();
}

function documentTitle(session, fresh) {
  if (!session) return 'Tickcast';
  return `${formatElapsed(session.elapsedMs)}${fresh ? '' : ' (last known)'} · ${session.state.label || 'Untitled'}`;
}
