/** The identity that the page uses: from the page's URL, else from browser storage. */
import { attempt } from './storage.js';

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
  attempt(() => storage?.setItem(USER_ID_KEY, userId));
}

function loadUserId(storage) {
  return attempt(() => storage?.getItem(USER_ID_KEY)?.trim()) ?? '';
}

/**
 * Returns the name by which the browser's storage keeps the changes of different people apart, or undefined if there is
 * none. The server verifies a token; here its claims only name a place.
 */
export function accountOf({ userId, token }) {
  if (userId) return userId;
  const claims = attempt(() => JSON.parse(new TextDecoder().decode(bytesOf(token.split('.')[1]))));
  return claims?.sub ? `${claims.iss ?? ''} ${claims.sub}` : undefined;
}

function bytesOf(base64url) {
  const text = atob(base64url.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
