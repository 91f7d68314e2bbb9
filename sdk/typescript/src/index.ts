/** The parts that the clients of all systems have in common. */
export { backoff, type BackoffBounds } from './core/backoff.js';
export type { CommandClientOptions, PendingCommands } from './core/command-client.js';
export type { ConnectionState } from './core/connection.js';
export type { Credential } from './core/endpoint.js';
export type {
  ClientError,
  Command,
  CommandError,
  CommandErrorCode,
  DisconnectedError,
  HttpError,
  RefusedError,
  ServerError,
  TokenError,
} from './core/errors.js';
export type { HttpOptions, HttpResult } from './core/http.js';
export { isTemporary } from './core/http-answer.js';
export type { ClientOptions } from './core/live-client.js';
export type { CommandResult } from './core/outbox.js';
export type { KeyValueStorage } from './core/outbox-storage.js';
export { defaultPlatform, randomId, type Platform, type Timer } from './core/platform.js';
export { ServerClock } from './core/server-clock.js';
export { StateStore, type Store } from './core/store.js';
export type { TokenProvider } from './core/token-refresh.js';
export type { WebSocketConstructor, WebSocketLike } from './core/web-socket-link.js';
