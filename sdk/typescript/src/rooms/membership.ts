/** What a client is and wants to be in rooms: its target, the room it is in, and its requests. Knows no connection. */
import type { Message } from '../core/link.js';
import type { CountdownCommand } from './countdown.js';
import { INITIAL_MODEL, reduce, type RoomModel } from './model.js';
import { PendingRequests, type CommandRequest, type RoomRequest } from './pending-requests.js';
import { parseAnswer, parseFault, parseRoomEvent, type Room, type RoomEvent, type RoomFault, type TimerState } from './protocol.js';
import type { ResumeStorage } from './resume-storage.js';

/** Answers to commands that were sent before a move to another node arrive by then, or not at all. */
const HANDOVER_ANSWERS_MS = 3_000;

const CONNECTION_LOST: RoomFault = { code: 'outcome_unknown', message: 'the connection was lost' };

/** The room that a client wants to be in. */
export type RoomTarget =
  | { readonly sessionId: string; readonly name?: string }
  | { readonly create: { readonly duration?: number }; readonly name?: string };

interface MembershipOptions {
  readonly resumes: ResumeStorage;
  /** Sends a message on the current link; returns false if there is none. */
  send(message: Message): boolean;
  /** Whether a link is online. */
  isOnline(): boolean;
  /** The local time. */
  now(): number;
  serverNow(): number;
  onEvent(event: RoomEvent, before: RoomModel): void;
  onFault(fault: RoomFault): void;
  onChange(): void;
}

/** See the module. */
export class Membership {
  readonly #options: MembershipOptions;
  readonly #pending = new PendingRequests();
  #model = INITIAL_MODEL;
  #target: RoomTarget | null = null;
  #joinError: RoomFault | null = null;
  #lastJoinError: RoomFault | null = null;
  /** The server has admitted this client to the target room on this connection. */
  #isJoined = false;
  /** The server may count this client as a member of some room on this connection. */
  #mayBeJoined = false;
  /** A `timer:state` that arrived while a command was pending. */
  #deferredState: RoomEvent | null = null;
  /** The last move to another node, and the first request after it. */
  #handover = { at: -Infinity, firstId: 0 };
  /** The next link is joining: the server tells the current one that its membership was taken over. */
  #isMoving = false;
  #lostByMove = false;
  /** Commands that the server refused on the current link because of the move. */
  #refusedByMove: CommandRequest[] = [];
  #prediction: { state: TimerState | null; version: number; timer: TimerState | null } = { state: null, version: -1, timer: null };

  constructor(options: MembershipOptions) {
    this.#options = options;
  }

  get model(): RoomModel {
    return this.#model;
  }

  get target(): RoomTarget | null {
    return this.#target;
  }

  get joinError(): RoomFault | null {
    return this.#joinError;
  }

  get lastJoinError(): RoomFault | null {
    return this.#lastJoinError;
  }

  get isJoined(): boolean {
    return this.#isJoined;
  }

  get isPending(): boolean {
    return !this.#pending.isEmpty;
  }

  get hasPendingCommands(): boolean {
    return this.#pending.hasCommands;
  }

  /** The countdown with the commands applied that have no answer; the same object until either changes. */
  get timer(): TimerState | null {
    const state = this.#model.room?.state ?? null;
    const { version } = this.#pending;
    if (state !== this.#prediction.state || version !== this.#prediction.version) {
      this.#prediction = { state, version, timer: state && this.#pending.predict(state) };
    }
    return this.#prediction.timer;
  }

  /** Returns the payload of a join of the target, or null if there is no room to join. */
  joinPayload(): Record<string, unknown> | null {
    const target = this.#target;
    if (!target || !('sessionId' in target) || this.#joinError) return null;
    const { sessionId, name } = target;
    const { room } = this.#model;
    const resume = this.#options.resumes.load(sessionId) ?? (room?.sessionId === sessionId ? room.resume : undefined);
    return { sessionId, ...(name === undefined ? {} : { name }), ...(resume === undefined ? {} : { resume }) };
  }

  /** Changes the room that the client wants to be in. */
  setTarget(target: RoomTarget | null): void {
    const { room } = this.#model;
    if (room && !target) this.#options.resumes.remove(room.sessionId);
    this.#target = target;
    this.#joinError = this.#lastJoinError = this.#deferredState = null;
    this.#model = INITIAL_MODEL;
    this.#isJoined = false;
    // The server handles requests in order, so this also undoes a join that is still in flight.
    if (this.#mayBeJoined) this.#request({ kind: 'leave', type: 'session:leave' });
    this.#requestJoin();
    this.#options.onChange();
  }

  /** Sends a command for the countdown. `resolve` is told the fault, or null. */
  send(command: CountdownCommand, resolve: CommandRequest['resolve']): void {
    const { room } = this.#model;
    const canSend = room !== null && this.#isJoined && this.#options.isOnline();
    if (!canSend || !this.#sendCommand(command, room, resolve)) resolve({ code: 'not_joined', message: 'the client is in no room at present' });
  }

  /** The next link has sent its join. */
  beginMove(): void {
    this.#isMoving = true;
  }

  /** The next link is the current one, or has failed; then the membership returns to the current one. */
  endMove(hasFailed: boolean): void {
    if (!this.#isMoving) return;
    const isLost = this.#lostByMove && hasFailed && this.#isJoined;
    this.#isMoving = this.#lostByMove = false;
    if (isLost) {
      this.#isJoined = false;
      this.#requestJoin();
    }
    for (const { command, resolve } of this.#refusedByMove.splice(0)) this.send(command, resolve);
  }

  /** Processes a new link on which nothing was joined. */
  handleConnect(): void {
    this.#requestJoin();
  }

  /** Processes a new link that has joined `target` before it became the current one. */
  handleJoinedLink(target: RoomTarget, answer: unknown, isHandover: boolean): void {
    this.#mayBeJoined = true;
    if (isHandover) this.#handover = { at: this.#options.now(), firstId: this.#pending.nextId };
    if (target === this.#target) this.#handleJoinAnswer(answer);
    else this.setTarget(this.#target);
    this.endMove(false);
  }

  /** Processes the loss of the link. Whether the server carried out commands without an answer is unknown. */
  handleLoss(): void {
    this.#isJoined = this.#mayBeJoined = false;
    this.#drop(this.#pending.nextId);
    for (const { resolve } of this.#refusedByMove.splice(0)) resolve(CONNECTION_LOST);
  }

  /** Processes a message of the server. */
  receive(message: Message): void {
    if (message.type === 'ack') return this.#handleAnswer(message);
    if (message.type === 'error') return this.#handleFault(parseFault(message['payload']));
    this.#handleEvent(parseRoomEvent(message));
  }

  /** Continues unfinished work. Runs about once a second. */
  check(): void {
    if (this.#options.now() - this.#handover.at > HANDOVER_ANSWERS_MS) this.#drop(this.#handover.firstId);
    this.#apply(this.#deferredState);
    if (this.#target === null && this.#mayBeJoined && !this.isPending) this.#request({ kind: 'leave', type: 'session:leave' });
    if (this.#target && !this.#isJoined && !this.#pending.isJoining) this.#requestJoin();
  }

  /** Requests to join or create the target room, if the connection is online. */
  #requestJoin() {
    const target = this.#target;
    if (!target || this.#joinError || !this.#options.isOnline()) return;
    this.#mayBeJoined = true;
    if ('create' in target) {
      const name = target.name === undefined ? {} : { name: target.name };
      this.#request({ kind: 'join', type: 'session:create' }, { ...target.create, ...name });
    } else {
      this.#request({ kind: 'join', type: 'session:join' }, this.joinPayload()!);
    }
  }

  #sendCommand(command: CountdownCommand, room: Room, resolve: CommandRequest['resolve']): boolean {
    const { type, ...payload } = command;
    const request: RoomRequest = { kind: 'command', type, command, rev: room.state.rev, at: this.#options.serverNow(), resolve };
    return this.#request(request, { ...payload, sessionId: room.sessionId });
  }

  #request(request: RoomRequest, payload?: Record<string, unknown>): boolean {
    const id = this.#pending.add(request);
    const sent = this.#options.send({ type: request.type, id, ...(payload ? { payload } : {}) });
    if (!sent) this.#pending.take(id);
    this.#options.onChange();
    return sent;
  }

  #handleEvent(event: RoomEvent | null) {
    // A requested join is handled by its answer, which names the request.
    if (event?.type === 'session:joined') {
      const isUnrequested = !this.#pending.isJoining && this.#isJoined && event.payload.sessionId === this.#model.room?.sessionId;
      return isUnrequested && this.#handleJoined(event.payload);
    }
    // The answer to the join will contain the whole state.
    if (!this.#isJoined || !event) return;
    if (event.type === 'timer:state' && this.#pending.hasCommands) this.#deferredState = event;
    else this.#apply(event);
    this.#options.onChange();
  }

  #apply(event: RoomEvent | null) {
    if (!event) return;
    if (event === this.#deferredState) this.#deferredState = null;
    const before = this.#model;
    this.#model = reduce(before, event);
    if (this.#model !== before) this.#options.onEvent(event, before);
  }

  #handleJoinAnswer(answer: unknown) {
    const { room, fault } = parseAnswer(answer);
    if (room) return this.#handleJoined(room);
    this.#giveUpJoining(fault ?? { code: 'UNAVAILABLE', message: '' });
    this.#options.onChange();
  }

  #handleJoined(room: Room) {
    const { name } = this.#target ?? {};
    this.#target = { sessionId: room.sessionId, ...(name === undefined ? {} : { name }) };
    this.#joinError = this.#lastJoinError = null;
    this.#isJoined = true;
    if (room.resume) this.#options.resumes.save(room.sessionId, room.resume);
    this.#apply({ type: 'session:joined', payload: room });
    this.#options.onChange();
  }

  #handleAnswer({ id, payload }: Message) {
    const taken = this.#pending.take(id);
    if (!taken) return;
    const { request, isLatest } = taken;
    const { state, fault } = parseAnswer(payload);
    if (request.kind === 'join') {
      if (isLatest && this.#target) this.#handleJoinAnswer(payload);
    } else if (request.kind === 'leave') {
      if (!fault || fault.code === 'NOT_JOINED') this.#mayBeJoined = this.#isJoined || this.#pending.isJoining;
    } else if (fault) {
      this.#handleCommandFault(request, fault, (id as number) < this.#handover.firstId);
    } else {
      if (state) this.#apply({ type: 'timer:state', payload: state });
      this.#apply(this.#deferredState);
      if (this.#model.room) this.#pending.rebase(this.#model.room.state.rev);
      request.resolve(null);
    }
    this.#options.onChange();
  }

  #handleCommandFault(request: CommandRequest, fault: RoomFault, isOfOldLink: boolean) {
    const { command, resolve } = request;
    this.#apply(this.#deferredState);
    if (fault.code !== 'NOT_JOINED') return resolve(fault);
    // The next link took over the membership before the command was carried out.
    if (isOfOldLink) return this.send(command, resolve);
    if (this.#isMoving) {
      this.#lostByMove = true;
      this.#refusedByMove.push(request);
      return;
    }
    resolve({ code: 'taken_over', message: 'another tab has taken over the membership' });
    this.#rejoinAsNewMember();
  }

  /** Gives up joining, unless the store was unavailable; `check` then retries. */
  #giveUpJoining(fault: RoomFault) {
    this.#lastJoinError = fault;
    this.#isJoined = false;
    if (fault.code === 'UNAVAILABLE') return;
    this.#model = INITIAL_MODEL;
    this.#joinError = fault;
  }

  /** Handles an `error` without a pending request. The errors of requests also arrive in their answers. */
  #handleFault(fault: RoomFault | undefined) {
    if (!fault || this.isPending) return;
    if (fault.code === 'NOT_JOINED' && this.#isMoving) this.#lostByMove = true;
    else if (fault.code === 'NOT_JOINED') this.#rejoinAsNewMember();
    else if (fault.code === 'SESSION_NOT_FOUND') this.#giveUpJoining(fault);
    else this.#options.onFault(fault);
    this.#options.onChange();
  }

  /** Joins without the resume secret, because another tab has taken over the membership. */
  #rejoinAsNewMember() {
    const { room } = this.#model;
    if (!room || !this.#isJoined) return;
    this.#isJoined = false;
    this.#options.resumes.remove(room.sessionId);
    const { resume: _, ...rest } = room;
    this.#model = { ...this.#model, room: rest };
    this.#requestJoin();
  }

  #drop(beforeId: number) {
    const commands = this.#pending.dropBefore(beforeId);
    this.#apply(this.#deferredState);
    for (const { resolve } of commands) resolve(CONNECTION_LOST);
  }
}
