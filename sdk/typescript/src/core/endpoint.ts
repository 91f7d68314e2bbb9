/** The URLs and credentials of a server's endpoints, below the path at which a proxy serves it. */
import type { TokenProvider } from './token-refresh.js';
import type { WebSocketTarget } from './web-socket-link.js';

/** Who the client is: a user id without proof, which servers accept in development, or a token. */
export type Credential = { readonly userId: string } | { readonly token: string | TokenProvider };

/** The characters of a WebSocket subprotocol (RFC 9110, `token`). */
const SUBPROTOCOL = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Returns the HTTP URL of an endpoint. `base` is the server's URL, with a path prefix if there is one. */
export function httpUrl(base: string | URL, path: string, query: Record<string, string> = {}): URL {
  const url = new URL(base);
  url.protocol = url.protocol.replace(/^ws/, 'http');
  url.pathname = `${url.pathname.replace(/\/$/, '')}/${path}`;
  url.search = new URLSearchParams(query).toString();
  url.hash = '';
  return url;
}

/** Returns where a WebSocket leads. A token goes into a subprotocol, which proxies do not log, if it can. */
export function webSocketTarget(url: URL, identity: { userId?: string; token?: string }): WebSocketTarget {
  const target = new URL(url);
  target.protocol = target.protocol.replace(/^http/, 'ws');
  const { userId, token } = identity;
  if (userId !== undefined) target.searchParams.set('userId', userId);
  if (token === undefined) return { url: target.href };
  if (SUBPROTOCOL.test(token)) return { url: target.href, protocols: ['tickcast', `bearer.${token}`] };
  target.searchParams.set('token', token);
  return { url: target.href };
}
