/** All errors of the library, as one discriminated union. None of them is thrown. */
import type { EventErrorCode, SessionErrorCode, TrpcErrorCode } from '../generated/messages.js';

/** A change that the application asked for. It keeps its id in all attempts, so that it takes effect once. */
export interface Command {
  readonly id: string;
  readonly type: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** The codes by which a command fails; a later server can have more. */
export type CommandErrorCode =
  | SessionErrorCode
  | EventErrorCode
  | TrpcErrorCode
  // Of the library.
  | 'queue_full'
  | 'too_large'
  | 'no_answer'
  | 'expired'
  | 'adopted'
  | 'closed'
  | (string & {});

/** The server accepts no connection of this client; a repetition does not help. */
export interface RefusedError {
  readonly kind: 'refused';
  readonly reason: 'unauthorized' | 'forbidden';
  readonly code: number;
  readonly message: string;
}

/** A connection was lost, or could not be opened. The client reconnects. */
export interface DisconnectedError {
  readonly kind: 'disconnected';
  readonly code: number;
  readonly message: string;
}

/** The token provider of the application failed. The client tries again. */
export interface TokenError {
  readonly kind: 'token';
  readonly message: string;
  readonly cause?: unknown;
}

/** A command has failed for good. */
export interface CommandError {
  readonly kind: 'command';
  readonly code: CommandErrorCode;
  readonly message: string;
  readonly command: Command;
}

/** The server reported an error that belongs to no command. */
export interface ServerError {
  readonly kind: 'server';
  readonly code: string;
  readonly message: string;
  readonly retry: boolean;
}

/** An HTTP request has failed: `status` is 0 if there was no answer. `details` is the body of the answer, if it is JSON. */
export interface HttpError {
  readonly kind: 'http';
  readonly status: number;
  readonly message: string;
  readonly details: unknown;
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** Any error that a client reports; `kind` tells which. */
export type ClientError = RefusedError | DisconnectedError | TokenError | CommandError | ServerError | HttpError;
