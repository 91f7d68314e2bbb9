/** Routes: the fragment of the page's URL. */

const PAGES = {
  '#/history': 'history',
  '#/rooms': 'rooms',
  '#/studio': 'studio',
  '#/punch-clock': 'punch-clock',
  '#/focus': 'focus',
};

/** Returns the name of the page, `timers` for an unknown fragment. */
export function pageFromHash(hash) {
  if (roomIdFromHash(hash)) return 'rooms';
  if (displayIdFromHash(hash)) return 'display';
  return PAGES[hash] ?? 'timers';
}

/** Returns the id of a room, or null. */
export function roomIdFromHash(hash) {
  return idAfter('#/room/', hash);
}

/** Returns the id of the room whose display is shown, or null. */
export function displayIdFromHash(hash) {
  return idAfter('#/display/', hash);
}

export function hashOfRoom(roomId) {
  return roomId ? `#/room/${encodeURIComponent(roomId)}` : '#/rooms';
}

export function hashOfDisplay(roomId) {
  return `#/display/${encodeURIComponent(roomId)}`;
}

/** Returns the room id in user input, which is an id or the URL of a room or of its display. */
export function roomIdFromInput(text) {
  const trimmed = text.trim();
  const start = trimmed.indexOf('#');
  const hash = start >= 0 ? trimmed.slice(start) : '';
  return roomIdFromHash(hash) ?? displayIdFromHash(hash) ?? trimmed;
}

function idAfter(prefix, hash) {
  const id = hash.startsWith(prefix) ? hash.slice(prefix.length) : '';
  return id && !id.includes('/') ? decode(id) : null;
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
