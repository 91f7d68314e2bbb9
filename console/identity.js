/** Who the page is for: the page's address first, then what this browser remembers. */

const STORED = 'tickcast.userId';

/** `{token}`, `{userId}` or null. An empty token counts as none. */
export function readIdentity(search, storage) {
  const given = new URLSearchParams(search);
  const token = given.get('token');
  if (token) return { token };
  const userId = given.get('userId')?.trim() || recall(storage);
  return userId ? { userId } : null;
}

/** Kept for the next visit without an address; a browser that stores nothing only forgets. */
export function remember(storage, userId) {
  try {
    storage?.setItem(STORED, userId);
  } catch {
    return;
  }
}

function recall(storage) {
  try {
    return storage?.getItem(STORED)?.trim() ?? '';
  } catch {
    return '';
  }
}

export function socketUrl(location, path, query) {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  return `${scheme}://${location.host}${path}?${new URLSearchParams(query)}`;
}

/** A token travels in a header, where proxies do not log it; a trusted user id in the address. */
export function request(who, path, query = {}) {
  const address = who.token ? query : { userId: who.userId, ...query };
  const search = new URLSearchParams(address).toString();
  return {
    url: search ? `${path}?${search}` : path,
    headers: who.token ? { authorization: `Bearer ${who.token}` } : {},
  };
}
