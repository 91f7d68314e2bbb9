/** Puts the rooms page into `main` and joins it to the server. */
import { left } from '../format.js';
import { addressOf, roomOf } from '../route.js';
import { RoomsClient } from './client.js';
import { phaseOf, remainingMs } from './countdown.js';
import { createMemory } from './memory.js';
import { createView } from './view.js';

/** `frame` gives what surrounds every page: `announce`, `notify` and `createLink(options)`. */
export function mountRooms(main, who, storage, frame) {
  const memory = createMemory(storage, sessionStorageOf(window));
  const client = new RoomsClient({
    who,
    memory,
    onChange: () => show(),
    onNews: frame.announce,
    onEntered: (room) => go(room),
    onFailed: (fault) => frame.notify(fault.message),
  });
  const view = createView({
    main,
    memory,
    create: (duration) => client.create(duration),
    visit: (room) => (location.hash = addressOf(room)),
    leave: () => (location.hash = addressOf(null)),
    drive: (type, payload) => client.drive(type, payload),
    announce: frame.announce,
  });
  const showLink = frame.createLink({
    onRetry: () => client.retryNow(),
    runsOn: 'The countdown runs on, and is counted on here until the server is back.',
  });
  let flip = null;

  /** The address follows a room that was made; whoever came by its address is there already. */
  function go(room) {
    if (roomOf(location.hash) !== room) history.pushState(null, '', addressOf(room));
  }

  function follow() {
    const room = roomOf(location.hash);
    if (room) client.join(room);
    else client.leave();
  }

  function show() {
    const { link, model, shown, quiet, fresh, refused, wanted } = client;
    const now = client.time.now();
    const ms = shown ? remainingMs(shown, now) : null;
    const online = link.phase === 'online';
    view.update({ room: model.room, state: shown, ms, refused, wanted, online, fresh, completedAt: model.completedAt });
    showLink({ link, quiet, loaded: model.room !== null, pending: 0 });
    document.title = shown ? `${left(ms)} · Room` : 'Rooms · Tickcast';
    clearTimeout(flip);
    // The next second begins when the part above whole seconds is over.
    if (shown && phaseOf(shown) === 'running' && ms > 0) flip = setTimeout(show, (ms % 1000 || 1000) + 1);
  }

  addEventListener('hashchange', follow);
  document.addEventListener('visibilitychange', show);
  follow();
  client.open();
}

function sessionStorageOf(window) {
  try {
    return window.sessionStorage;
  } catch {
    return null;
  }
}
