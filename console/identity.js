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
