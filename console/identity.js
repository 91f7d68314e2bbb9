/** The identity that the page uses: from the page's URL, else from browser storage. */

const USER_ID_KEY = 'tickcast.userId';

/** Returns `{token}`, `{userId}` or null. An empty token is ignored. */
export function readIdentity(search, storage) {
  const query = new URLSearchParams(search);
  const token = query.get('token');
  if (token) return { token };
  const userId = query.get('userId')?.trim() || loadUserId(storage);
  return userId ? { userId } : null;
}

/** Saves the user id for later visits without one in the URL. Does nothing if the browser forbids storage. */
export function saveUserId(storage, userId) {
  try {
    storage?.setItem(USER_ID_KEY, userId);
  } catch {
    return;
  }
}

function loadUserId(storage) {
  try {
    return storage?.getItem(USER_ID_KEY)?.trim() ?? '';
  } catch {
    return '';
  }
}

/** Returns the URL of a WebSocket. `path` is relative to the page, which a proxy may serve below a prefix. */
export function socketUrl(location, path, query) {
  const url = new URL(path, location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.search = new URLSearchParams(query);
  return url.href;
}
