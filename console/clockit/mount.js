/** Mounts the timers page in `main` and connects it to the server. */
import { formatElapsed } from '../format.js';
import { t } from '../i18n/translate.js';
import { credentialOf } from '../identity.js';
import { ClockitClient, newestRunning } from '../lib/tickcast/clockit/index.js';
import { announcementOf } from './announcements.js';
import { commandName, createCommands } from './commands.js';
import { errorText } from './error-text.js';
import { createTimersView } from './view.js';

/** `shell` provides what all pages share: `announce`, `notify` and `createConnectionStatus(options)`. */
export function mount(main, identity, storage, shell) {
  // A displayed time that the server has not confirmed is marked and stays as it is.
  const client = new ClockitClient({ url: serverUrl(location), credential: credentialOf(identity), storage, continueLocally: false });
  const commands = createCommands(client, (command) => {
    const isOnline = client.getSnapshot().connection.phase === 'online';
    if (!isOnline) shell.announce(t('clockit.announceWillBeSent', { names: commandName(command) }));
  });
  const view = createTimersView({
    main,
    identity,
    commands,
    onDownloadError: () => shell.notify(t('clockit.downloadFailed')),
  });
  const updateConnectionStatus = shell.createConnectionStatus({
    onRetry: () => client.retryNow(),
    offlineText: t('clockit.offline'),
  });
  let wasOnline = false;

  function onSessionChanges(changes) {
    shell.announce(announcementOf(changes));
    if (changes.some(({ kind }) => kind === 'stopped')) view.refreshHistory();
  }

  function render() {
    const { connection, sessions, loaded, pending, times } = client.getSnapshot();
    const online = connection.phase === 'online';
    const fresh = times === 'live';
    if (online && !wasOnline) view.refreshHistory();
    wasOnline = online;
    view.update({ sessions, loaded, pending, fresh, online });
    updateConnectionStatus({ connectionState: connection, stale: online && !fresh, loaded, pendingCount: pending.length });
    document.title = documentTitle(newestRunning(sessions), fresh);
  }

  client.subscribe(render);
  client.onSessionChanges(onSessionChanges);
  client.onError((error) => shell.notify(errorText(error.kind === 'command' ? commandName(error.command) : t('clockit.server'), error)));
  addEventListener('beforeunload', (event) => client.getSnapshot().pending.length > 0 && event.preventDefault());
  client.open();
}

/** The page is served by the server, perhaps below a path prefix. */
function serverUrl(location) {
  return new URL('.', location.href);
}

function documentTitle(session, fresh) {
  if (!session) return 'Tickcast';
  const time = formatElapsed(session.elapsedMs);
  return `${fresh ? time : t('clockit.titleLastKnown', { time })} · ${session.state.label || t('clockit.untitled')}`;
}
