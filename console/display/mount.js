/** Mounts the display of a room in `main`. It joins the room to watch it, and sends no command. */
import { formatRemaining } from '../format.js';
import { t } from '../i18n/translate.js';
import { io } from '../lib/socket.io-client/socket.io.esm.min.js';
import { RoomsClient } from '../lib/tickcast/rooms/index.js';
import { displayIdFromHash } from '../route.js';
import { joinErrorText } from '../rooms/join-error.js';
import { storageOf } from '../storage.js';
import { createDisplayView } from './view.js';
import { keepScreenOn } from './wake-lock.js';

const REFUSED = { unauthorized: 'connection.unauthorizedText', forbidden: 'connection.forbiddenText' };

const FULL_SCREEN_KEYS = ['f', 'F', 'Enter', ' '];

/** How long it is tried to join a room again that does not exist: it may exist soon, and nobody operates the screen. */
const REJOIN_MS = 15_000;

/** `shell` provides what all pages share: `announce` and `createConnectionStatus(options)`. */
export function mount(main, identity, localStorage, shell) {
  const client = new RoomsClient({
    url: new URL('.', location.href),
    io,
    ...(identity?.token ? { credential: { token: identity.token } } : {}),
    storage: storageOf(window, 'sessionStorage'),
  });
  const view = createDisplayView(main);
  const updateConnectionStatus = shell.createConnectionStatus({ onRetry: () => client.retryNow(), offlineText: t('rooms.offline') });
  let rejoinTimer = null;
  let wasOver = false;

  function join() {
    client.join(displayIdFromHash(location.hash), { name: t('display.member') });
  }

  function render() {
    const { connection, room, timer, remainingSeconds, completedAt, times, canSendCommands, joinError } = client.getSnapshot();
    const fresh = times === 'live';
    const isOver = timer !== null && (timer.isRunning ? remainingSeconds === 0 : completedAt !== null);
    const problem = problemOf(connection, joinError);
    view.update({ timer: problem === null ? timer : null, remainingSeconds, isOver, fresh, problem });
    updateConnectionStatus({ connectionState: connection, stale: canSendCommands && !fresh, loaded: room !== null, pendingCount: 0 });
    document.title = timer ? t('rooms.titleOf', { time: formatRemaining(isOver ? 0 : remainingSeconds * 1000) }) : t('display.title');
    if (isOver && !wasOver) shell.announce(t('rooms.announce.timeUp'));
    wasOver = isOver;
    clearTimeout(rejoinTimer);
    if (joinError) rejoinTimer = setTimeout(join, REJOIN_MS);
  }

  function toggleFullScreen() {
    // A browser can refuse; then the page stays as it is.
    if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
    else document.documentElement.requestFullscreen?.().catch(() => {});
  }

  document.documentElement.dataset.page = 'display';
  addEventListener('keydown', (event) => {
    if (!FULL_SCREEN_KEYS.includes(event.key) || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    event.preventDefault();
    toggleFullScreen();
  });
  view.node.addEventListener('click', toggleFullScreen);
  addEventListener('hashchange', join);
  client.subscribe(render);
  join();
  keepScreenOn(document);
  client.open();
}

/** Returns why there is no time to show, or null. */
function problemOf({ phase, error }, joinError) {
  if (phase === 'refused') return t(REFUSED[error.reason]);
  return joinError ? joinErrorText(joinError) : null;
}
