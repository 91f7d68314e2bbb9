/**
 * Requests without an answer. The effect of a command is displayed in advance as long as the server has
 * reported no newer revision than the one the command was based on.
 */
import { predict, type CountdownCommand } from './countdown.js';
import type { RoomFault, TimerState } from './protocol.js';

/** What a client asks. */
export type RoomRequest =
  | { readonly kind: 'join'; readonly type: 'session:create' | 'session:join' }
  | { readonly kind: 'leave'; readonly type: 'session:leave' }
  | CommandRequest;

/** A command for the countdown. `rev` is the revision that it is based on, `at` the server's time when it was sent. */
export interface CommandRequest {
  readonly kind: 'command';
  readonly type: CountdownCommand['type'];
  readonly command: CountdownCommand;
  rev: number;
  readonly at: number;
  resolve(fault: RoomFault | null): void;
}

/** The requests of one connection. */
export class PendingRequests {
  readonly #requests = new Map<number, RoomRequest>();
  #nextId = 1;
  #version = 0;

  /** Changes with the requests. */
  get version(): number {
    return this.#version;
  }

  /** The id of the next request: those before it have smaller ones. */
  get nextId(): number {
    return this.#nextId;
  }

  get isEmpty(): boolean {
    return this.#requests.size === 0;
  }

  get hasCommands(): boolean {
    return this.#commands().length > 0;
  }

  get isJoining(): boolean {
    return [...this.#requests.values()].some(({ kind }) => kind === 'join');
  }

  /** Adds a request and returns its id. */
  add(request: RoomRequest): number {
    const id = this.#nextId++;
    this.#version += 1;
    this.#requests.set(id, request);
    return id;
  }

  /** Removes and returns a request. `isLatest` is false for a join that a later join supersedes. */
  take(id: unknown): { request: RoomRequest; isLatest: boolean } | null {
    const request = this.#requests.get(id as number);
    this.#requests.delete(id as number);
    this.#version += 1;
    return request ? { request, isLatest: request.kind !== 'join' || !this.isJoining } : null;
  }

  /** Removes the requests with smaller ids, and returns the commands among them. */
  dropBefore(id: number): CommandRequest[] {
    const dropped = [...this.#requests].filter(([own]) => own < id);
    for (const [own] of dropped) this.take(own);
    return dropped.map(([, request]) => request).filter((request) => request.kind === 'command');
  }

  /** Returns the state with the commands applied that are based on its revision. */
  predict(state: TimerState): TimerState {
    const commands = this.#commands().filter(({ rev }) => rev === state.rev);
    return commands.reduce((predicted, { command, at }) => predict(predicted, command, at), state);
  }

  /** Moves the remaining commands to a new base revision, which includes the commands before them. */
  rebase(rev: number): void {
    for (const command of this.#commands()) command.rev = rev;
    this.#version += 1;
  }

  #commands() {
    return [...this.#requests.values()].filter((request) => request.kind === 'command');
  }
}
