/** Mounts the rooms page in `main` and connects it to the server. */
import { formatRemaining } from '../format.js';
import { hashOfRoom, roomIdFromHash } from '../route.js';
import { RoomsClient } from './client.js';
import { countdownPhase, remainingMs } from './countdown.js';
import { createMemberStorage } from './member-storage.js';
import { announcementOf } from './model.js';
import { createPresenceFeed } from './presence-feed.js';
import { createRoomsView } from './view.js';

/** How long the page shows that time is up before it shows the countdown as ready. */
const TIME_UP_MS = 8_000;

const PRESENCE_EVENTS = ['session:user-joined', 'session:user-left'];

/** `shell` provides what all pages share: `announce`, `notify` and `createConnectionStatus(options)`. */
export function mountRooms(main, identity, localStorage, shell) {
  const storage = createMemberStorage(localStorage, sessionStorageOf(window));
  const addToPresenceFeed = createPresenceFeed(shell.announce);
  const client = new RoomsClient({
    identity,
    storage,
    onChange: () => render(),
    onMessage,
    onJoined,
    onError: ({ message }) => shell.notify(message),
  });
  const view = createRoomsView({
    main,
    storage,
    create: (duration) => client.create(duration),
    openRoom,
    leave,
    sendCommand: (type, payload) => client.sendCommand(type, payload),
    announce: shell.announce,
  });
  const updateConnectionStatus = shell.createConnectionStatus({
    onRetry: () => client.retryNow(),
    offlineText: 'The countdown keeps running. This page counts locally until it reconnects.',
  });
  let renderTimer = null;
  let wasLocallyUp = false;
  let completion = { at: null, noticedAt: 0 };

  function onMessage(message, before) {
    if (PRESENCE_EVENTS.includes(message.type)) return addToPresenceFeed(message);
    const text = announcementOf(message, before);
    if (text) shell.announce(text);
  }

  /** Updates the URL after a room was created. After a join by URL it is already correct. */
  function onJoined(roomId, isNew) {
    if (roomIdFromHash(location.hash) !== roomId) history.pushState(null, '', hashOfRoom(roomId));
    if (isNew) shell.announce('You have joined the room.');
  }

  function openRoom(roomId) {
    // The browser sends no `hashchange` event for an unchanged URL.
    if (roomIdFromHash(location.hash) === roomId) client.join(roomId);
    else location.hash = hashOfRoom(roomId);
  }

  function leave() {
    if (roomIdFromHash(location.hash)) location.hash = hashOfRoom(null);
    else client.leave();
  }

  function followHash() {
    const roomId = roomIdFromHash(location.hash);
    if (roomId) client.join(roomId);
    else client.leave();
  }

  function render() {
    const { connectionState, model, predictedState, stale, fresh, canSendCommands, joinError, lastJoinError, target } = client;
    const ms = predictedState ? remainingMs(predictedState, client.time.now()) : null;
    const isRunning = predictedState !== null && countdownPhase(predictedState) === 'running';
    if (completion.at !== model.completedAt) completion = { at: model.completedAt, noticedAt: Date.now() };
    const sinceCompletionMs = completion.at === null ? Infinity : Date.now() - completion.noticedAt;
    const timeUp = timeUpSource({ isRunning, ms, fresh, sinceCompletionMs });
    view.update({
      room: model.room,
      state: predictedState,
      ms,
      timeUp,
      joinError,
      lastJoinError,
      target,
      fresh,
      canSendCommands,
      online: connectionState.phase === 'online',
    });
    updateConnectionStatus({ connectionState, stale, loaded: model.room !== null, pendingCount: 0 });
    document.title = predictedState ? `${formatRemaining(ms)} · Room` : 'Rooms · Tickcast';
    if (timeUp === 'local' && !wasLocallyUp) shell.announce('Time is up, counted locally.');
    wasLocallyUp = timeUp === 'local';
    clearTimeout(renderTimer);
    // The displayed second changes when the part above whole seconds has elapsed.
    if (isRunning && ms > 0) renderTimer = setTimeout(render, (ms % 1000 || 1000) + 1);
    else if (timeUp === 'server') renderTimer = setTimeout(render, TIME_UP_MS - sinceCompletionMs + 1);
  }

  addEventListener('hashchange', followHash);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') client.check();
    render();
  });
  followHash();
  client.open();
}

/** Returns `'server'` if the server reported the end recently, `'local'` if only the local count reached zero, or null. */
function timeUpSource({ isRunning, ms, fresh, sinceCompletionMs }) {
  if (isRunning) return ms === 0 && !fresh ? 'local' : null;
  return sinceCompletionMs < TIME_UP_MS ? 'server' : null;
}

/** Reading the property throws in a browser that forbids storage. */
function sessionStorageOf(window) {
  try {
    return window.sessionStorage;
  } catch {
    return null;
  }
}
