/** Mounts the rooms page in `main` and connects it to the server. */
import { formatRemaining } from '../format.js';
import { t } from '../i18n/translate.js';
import { io } from '../lib/socket.io-client/socket.io.esm.min.js';
import { RoomsClient } from '../lib/tickcast/rooms/index.js';
import { hashOfRoom, roomIdFromHash } from '../route.js';
import { storageOf } from '../storage.js';
import { announcementOf } from './announcements.js';
import { createNameStorage } from './name-storage.js';
import { createPresenceFeed } from './presence-feed.js';
import { createRoomsView } from './view.js';

/** How long the page shows that time is up before it shows the countdown as ready. */
const TIME_UP_MS = 8_000;

const PRESENCE_EVENTS = ['session:user-joined', 'session:user-left'];

const ERRORS = { outcome_unknown: 'rooms.error.outcomeUnknown', taken_over: 'rooms.error.takenOver' };

/** `shell` provides what all pages share: `announce`, `notify` and `createConnectionStatus(options)`. */
export function mount(main, identity, localStorage, shell) {
  const storage = createNameStorage(localStorage);
  const addToPresenceFeed = createPresenceFeed(shell.announce);
  const client = new RoomsClient({
    url: new URL('.', location.href),
    io,
    ...(identity?.token ? { credential: { token: identity.token } } : {}),
    storage: storageOf(window, 'sessionStorage'),
  });
  const view = createRoomsView({
    main,
    storage,
    create: (duration) => client.create({ duration, name: storage.name }),
    openRoom,
    leave,
    sendCommand: (type, payload) => client.send({ type, ...payload }),
    announce: shell.announce,
  });
  const updateConnectionStatus = shell.createConnectionStatus({
    onRetry: () => client.retryNow(),
    offlineText: t('rooms.offline'),
  });
  let renderTimer = null;
  let wasLocallyUp = false;
  let completion = { at: null, noticedAt: 0 };

  function onEvent({ event, before }) {
    if (PRESENCE_EVENTS.includes(event.type)) return addToPresenceFeed(event);
    const text = announcementOf(event, before);
    if (text) shell.announce(text);
    if (event.type === 'session:joined') handleJoined(event.payload.sessionId, before.room?.sessionId);
  }

  /** Updates the URL after a room was created. After a join by URL it is already correct. */
  function handleJoined(roomId, previousId) {
    if (roomIdFromHash(location.hash) !== roomId) history.pushState(null, '', hashOfRoom(roomId));
    if (roomId !== previousId) shell.announce(t('rooms.joined'));
  }

  /** A command that cannot be sent has a disabled button. */
  function onError({ code, message }) {
    if (code !== 'not_joined') shell.notify(ERRORS[code] ? t(ERRORS[code]) : message);
  }

  function openRoom(roomId) {
    // The browser sends no `hashchange` event for an unchanged URL.
    if (roomIdFromHash(location.hash) === roomId) join(roomId);
    else location.hash = hashOfRoom(roomId);
  }

  function join(roomId) {
    client.join(roomId, { name: storage.name });
  }

  function leave() {
    if (roomIdFromHash(location.hash)) location.hash = hashOfRoom(null);
    else client.leave();
  }

  function followHash() {
    const roomId = roomIdFromHash(location.hash);
    if (roomId) join(roomId);
    else client.leave();
  }

  function render() {
    const { connection, room, timer, remainingSeconds, completedAt, times, canSendCommands, joinError, lastJoinError, target } = client.getSnapshot();
    const online = connection.phase === 'online';
    const fresh = times === 'live';
    const ms = remainingSeconds === null ? null : remainingSeconds * 1000;
    const isRunning = timer?.isRunning ?? false;
    if (completion.at !== completedAt) completion = { at: completedAt, noticedAt: Date.now() };
    const sinceCompletionMs = completion.at === null ? Infinity : Date.now() - completion.noticedAt;
    const timeUp = timeUpSource({ isRunning, ms, fresh, sinceCompletionMs });
    view.update({ room, state: timer, ms, timeUp, joinError, lastJoinError, target, fresh, canSendCommands, online });
    updateConnectionStatus({ connectionState: connection, stale: canSendCommands && !fresh, loaded: room !== null, pendingCount: 0 });
    document.title = timer ? t('rooms.titleOf', { time: formatRemaining(ms) }) : `${t('rooms.title')} · Tickcast`;
    if (timeUp === 'local' && !wasLocallyUp) shell.announce(t('rooms.announce.timeUpLocally'));
    wasLocallyUp = timeUp === 'local';
    clearTimeout(renderTimer);
    if (timeUp === 'server') renderTimer = setTimeout(render, TIME_UP_MS - sinceCompletionMs + 1);
  }

  client.subscribe(render);
  client.onEvent(onEvent);
  client.onError(onError);
  addEventListener('hashchange', followHash);
  followHash();
  client.open();
}

/** Returns `'server'` if the server reported the end recently, `'local'` if only the local count reached zero, or null. */
function timeUpSource({ isRunning, ms, fresh, sinceCompletionMs }) {
  if (isRunning) return ms === 0 && !fresh ? 'local' : null;
  return sinceCompletionMs < TIME_UP_MS ? 'server' : null;
}
