/** The identity that the page uses: from the page's URL, else from browser storage. */
import { attempt } from './storage.js';

const USER_ID_KEY = 'tickcast.userId';

/** The parameter `login` of a page that uses the cookies of its website. */
export const SITE = 'site';

/** Returns `{token}`, `{userId}`, `{site: true}` for the login of the website that serves the page, or null. An empty token is ignored. */
export function readIdentity(search, storage) {
  const query = new URLSearchParams(search);
  const token = query.get('token');
  if (token) return { token };
  if (query.get('login') === SITE) return { site: true };
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

/** Returns the credential of an identity, or undefined: cookies are sent without one. */
export function credentialOf(identity) {
  return identity.site ? undefined : identity;
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
