/** Routes: the fragment of the page's URL. */

/** Returns `rooms` or `timers`. */
export function pageFromHash(hash) {
  return hash === '#/rooms' || roomIdFromHash(hash) ? 'rooms' : 'timers';
}

/** Returns the id of a room, or null. */
export function roomIdFromHash(hash) {
  const [, id] = /^#\/room\/([^/]+)$/.exec(hash) ?? [];
  return id ? decode(id) : null;
}

export function hashOfRoom(roomId) {
  return roomId ? `#/room/${encodeURIComponent(roomId)}` : '#/rooms';
}

/** Returns the room id in user input, which is an id or the URL of a room. */
export function roomIdFromInput(text) {
  const trimmed = text.trim();
  const hash = trimmed.indexOf('#');
  return (hash >= 0 && roomIdFromHash(trimmed.slice(hash))) || trimmed;
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
