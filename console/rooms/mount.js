/** Puts the rooms page into `main` and joins it to the server. */
import { left } from '../format.js';
import { addressOf, roomOf } from '../route.js';
import { RoomsClient } from './client.js';
import { createComings } from './comings.js';
import { phaseOf, remainingMs } from './countdown.js';
import { createMemory } from './memory.js';
import { spoken } from './store.js';
import { createView } from './view.js';

/** How long it is shown that time is up, before the countdown is just ready again. */
const OVER_MS = 8_000;

const COMINGS = ['session:user-joined', 'session:user-left'];

/** `frame` gives what surrounds every page: `announce`, `notify` and `createLink(options)`. */
export function mountRooms(main, who, storage, frame) {
  const memory = createMemory(storage, sessionStorageOf(window));
  const heardComing = createComings(frame.announce);
  const client = new RoomsClient({ who, memory, onChange: () => show(), onMessage, onEntered, onFailed: ({ message }) => frame.notify(message) });
  const view = createView({
    main,
    memory,
    create: (duration) => client.create(duration),
    visit,
    leave,
    drive: (type, payload) => client.drive(type, payload),
    announce: frame.announce,
  });
  const showLink = frame.createLink({
    onRetry: () => client.retryNow(),
    runsOn: 'The countdown runs on, and is counted on here until the server is back.',
  });
  let next = null;
  let countedOut = false;
  let over = { of: null, since: 0 };

  function onMessage(message, before) {
    if (COMINGS.includes(message.type)) return heardComing(message);
    const text = spoken(message, before);
    if (text) frame.announce(text);
  }

  /** The address follows a room that was made; whoever came by its address is there already. */
  function onEntered(room, isNew) {
    if (roomOf(location.hash) !== room) history.pushState(null, '', addressOf(room));
    if (isNew) frame.announce('You are in the room.');
  }

  function visit(room) {
    // The same address again is no news to the browser.
    if (roomOf(location.hash) === room) client.join(room);
    else location.hash = addressOf(room);
  }

  function leave() {
    if (roomOf(location.hash)) location.hash = addressOf(null);
    else client.leave();
  }

  function follow() {
    const room = roomOf(location.hash);
    if (room) client.join(room);
    else client.leave();
  }

  function show() {
    const { link, model, shown, quiet, fresh, drives, refused, delayed, wanted } = client;
    const ms = shown ? remainingMs(shown, client.time.now()) : null;
    const isRunning = shown !== null && phaseOf(shown) === 'running';
    if (over.of !== model.completedAt) over = { of: model.completedAt, since: Date.now() };
    const toldMs = over.of === null ? Infinity : Date.now() - over.since;
    const isUp = upOf({ isRunning, ms, fresh, toldMs });
    view.update({ room: model.room, state: shown, ms, isUp, refused, delayed, wanted, fresh, drives, online: link.phase === 'online' });
    showLink({ link, quiet, loaded: model.room !== null, pending: 0 });
    document.title = shown ? `${left(ms)} · Room` : 'Rooms · Tickcast';
    if (isUp === 'here' && !countedOut) frame.announce('Time is up, as counted here.');
    countedOut = isUp === 'here';
    clearTimeout(next);
    // The next second begins when the part above whole seconds is over.
    if (isRunning && ms > 0) next = setTimeout(show, (ms % 1000 || 1000) + 1);
    else if (isUp === 'told') next = setTimeout(show, OVER_MS - toldMs + 1);
  }

  addEventListener('hashchange', follow);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') client.look();
    show();
  });
  follow();
  client.open();
}

/** Whether time is up: `'told'` by the server of late, `'here'` as far as can be told without it, or null. */
function upOf({ isRunning, ms, fresh, toldMs }) {
  if (isRunning) return ms === 0 && !fresh ? 'here' : null;
  return toldMs < OVER_MS ? 'told' : null;
}

function sessionStorageOf(window) {
  try {
    return window.sessionStorage;
  } catch {
    return null;
  }
}
