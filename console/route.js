/** What the part of the address behind `#` names. */

/** `rooms` or `timers`. */
export function pageOf(hash) {
  return hash === '#/rooms' || roomOf(hash) ? 'rooms' : 'timers';
}

/** The id of a room, or null. */
export function roomOf(hash) {
  const [, id] = /^#\/room\/([^/]+)$/.exec(hash) ?? [];
  return id ? decode(id) : null;
}

export function addressOf(room) {
  return room ? `#/room/${encodeURIComponent(room)}` : '#/rooms';
}

/** The id in what somebody has pasted: an id, or the address of a room. */
export function roomIn(text) {
  const trimmed = text.trim();
  const hash = trimmed.indexOf('#');
  return (hash >= 0 && roomOf(trimmed.slice(hash))) || trimmed;
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
