/** Puts the stopwatch page into `main` and joins it to the server. */
import { hms } from '../format.js';
import { socketUrl } from '../identity.js';
import { ClockitClient } from './client.js';
import { nameOf } from './commands.js';
import { explain } from './faults.js';
import { spoken } from './news.js';
import { newestRunning } from './store.js';
import { createView } from './view.js';

/** `frame` gives what surrounds every page: `announce`, `notify` and `createLink(onRetry)`. */
export function mountClockit(main, who, frame) {
  const client = new ClockitClient({
    url: socketUrl(location, '/session', { ...who, dialect: 'v1' }),
    onChange: () => show(),
    onNews,
    onFailed: (message, fault) => frame.notify(explain(message ? nameOf(message) : 'Server', fault)),
  });
  const view = createView({
    main,
    who,
    submit,
    onHistoryFailed: () => frame.notify('Download: the server did not give the file. Try again in a moment.'),
  });
  const showLink = frame.createLink({ onRetry: () => client.retryNow(), runsOn: 'Your timers run on; the times below are the last known.' });
  let wasOnline = false;

  function submit(command) {
    const taken = client.submit(command);
    if (taken && client.link.phase !== 'online') frame.announce(`${nameOf(command)} will be sent when back.`);
    return taken;
  }

  function onNews(news) {
    frame.announce(spoken(news));
    if (news.some(({ kind }) => kind === 'stopped')) view.refreshHistory();
  }

  function show() {
    const { link, model, pending, quiet, fresh } = client;
    const online = link.phase === 'online';
    if (online && !wasOnline) view.refreshHistory();
    wasOnline = online;
    view.update({ model, pending, fresh, online });
    showLink({ link, quiet, loaded: model.loaded, pending: pending.length });
    document.title = titleOf(newestRunning(model), fresh);
  }

  addEventListener('beforeunload', (event) => client.pending.length > 0 && event.preventDefault());
  client.open();
}

function titleOf(session, fresh) {
  if (!session) return 'Tickcast';
  return `${hms(session.elapsedMs)}${fresh ? '' : ' (last known)'} · ${session.state.label || 'Untitled'}`;
}
