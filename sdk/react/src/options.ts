/** How hooks reach a server: what a provider or a hook is given, and what clients make of it. */
import type { ClientError, Credential, KeyValueStorage, Platform, WebSocketConstructor } from '@tickcast/client';
import type { SocketIo } from '@tickcast/client/rooms';

/** The options of a `TickcastProvider`, and of each hook. */
export interface ConnectionOptions {
  /** The server's URL, with a path prefix if there is one. The page's own origin by default; a path is relative to it. */
  readonly url?: string | URL | undefined;
  /** A user id or a token. Without one, cookies of the page authenticate the user, or the user is a guest. */
  readonly credential?: Credential | undefined;
  /** Names the user in the storage. With it, another token is one of the same user: it replaces no client. */
  readonly account?: string | undefined;
  /** Where commands without an answer wait: `localStorage` by default, nowhere if null. Needs an `account` or a `userId`. */
  readonly storage?: KeyValueStorage | null | undefined;
  /** Keeps the memberships of a tab over reloads: `sessionStorage` by default; with null they end with the page. */
  readonly tabStorage?: KeyValueStorage | null | undefined;
  /** Whether displayed times continue by the local clock while no ticks arrive; true by default. */
  readonly continueLocally?: boolean | undefined;
  /** The function `io` of the package `socket.io-client`, for rooms and for an organisation's timers. */
  readonly io?: SocketIo | undefined;
  readonly WebSocket?: WebSocketConstructor | undefined;
  readonly fetch?: typeof fetch | undefined;
  readonly platform?: Partial<Platform> | undefined;
}

/** What a hook takes beside its connection. */
export interface HookOptions extends ConnectionOptions {
  /** Called with each error that a client reports. Commands return their errors too. */
  readonly onError?: ((error: ClientError) => void) | undefined;
}

/** The options that a client is created with. */
export interface ClientOptions {
  readonly url: URL;
  readonly credential?: Credential;
  readonly account?: string;
  readonly storage: KeyValueStorage | null;
  readonly tabStorage: KeyValueStorage | null;
  readonly continueLocally?: boolean;
  readonly io?: SocketIo;
  readonly WebSocket?: WebSocketConstructor;
  readonly fetch?: typeof fetch;
  readonly platform?: Partial<Platform>;
}

/** Returns whether options differ in nothing that needs another connection. Functions may be others in each render. */
export function isSameConnection(a: ConnectionOptions, b: ConnectionOptions): boolean {
  return (
    String(a.url) === String(b.url) &&
    userOf(a) === userOf(b) &&
    a.storage === b.storage &&
    a.tabStorage === b.tabStorage &&
    a.continueLocally === b.continueLocally
  );
}

/** Returns the options of a component below a provider. The user of one server is not presented to another. */
export function inherit(outer: HookOptions | undefined, inner: HookOptions): HookOptions {
  const { url, credential, account, ...environment } = outer ?? {};
  const isOtherServer = inner.url !== undefined && String(inner.url) !== String(url);
  const isOtherUser = isOtherServer || inner.credential !== undefined || inner.account !== undefined;
  const inherited = { ...environment, ...(isOtherServer ? {} : { url }), ...(isOtherUser ? {} : { credential, account }) };
  return { ...inherited, ...withoutUndefined(inner) };
}

/** Returns whether any option asks for a connection of its own. */
export function hasOptions(options: ConnectionOptions): boolean {
  return Object.values(options).some((value) => value !== undefined);
}

/** Returns the options of a client. `latest` is read for each token, because components can pass another function. */
export function clientOptions(options: ConnectionOptions, latest: () => ConnectionOptions): ClientOptions {
  const { url, credential, storage, tabStorage, ...rest } = options;
  return {
    ...withoutUndefined(rest),
    url: resolveUrl(url),
    ...(credential ? { credential: latestCredential(options, credential, latest) } : {}),
    storage: storage === undefined ? browserStorage('localStorage') : storage,
    tabStorage: tabStorage === undefined ? browserStorage('sessionStorage') : tabStorage,
  };
}

/** Returns the function `io`, which systems on Socket.IO need. */
export function requireIo({ io }: Pick<ClientOptions, 'io'>): SocketIo {
  if (io) return io;
  throw new TypeError('the option `io` is missing: pass the function `io` of the package `socket.io-client` to <TickcastProvider> or to the hook');
}

/** Names whom a connection belongs to. */
function userOf({ account, credential }: ConnectionOptions): string {
  if (credential && 'userId' in credential) return `user ${credential.userId} ${account}`;
  if (account !== undefined) return `account ${account} ${credential !== undefined}`;
  if (!credential) return 'cookies';
  return typeof credential.token === 'function' ? 'provider' : `token ${credential.token}`;
}

function latestCredential({ account }: ConnectionOptions, initial: Credential, latest: () => ConnectionOptions): Credential {
  const current = () => {
    const { credential } = latest();
    return credential && 'token' in credential ? credential.token : undefined;
  };
  if ('userId' in initial || (typeof initial.token === 'string' && account === undefined)) return initial;
  return {
    token: (request) => {
      const token = current() ?? initial.token;
      return typeof token === 'function' ? token(request) : token;
    },
  };
}

function resolveUrl(url: string | URL | undefined): URL {
  const origin = (globalThis as { location?: { origin?: string } }).location?.origin;
  try {
    return new URL(url ?? '', origin);
  } catch {
    const given = url === undefined ? 'there is no `url`, and no page whose origin could be used' : `\`${url}\` is not a URL`;
    throw new TypeError(`${given}: pass the URL of the Tickcast server to <TickcastProvider> or to the hook`);
  }
}

/** Returns a storage of the browser, or null where there is none or it is forbidden: reading the property can throw. */
function browserStorage(name: 'localStorage' | 'sessionStorage'): KeyValueStorage | null {
  try {
    return globalThis[name] ?? null;
  } catch {
    return null;
  }
}

type WithoutUndefined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function withoutUndefined<T extends object>(options: T): WithoutUndefined<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as WithoutUndefined<T>;
}
