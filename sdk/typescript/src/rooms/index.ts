/** Rooms: a countdown that is shared by a team, over `socket.io-client`. */
export type { SocketIo, SocketIoSocket } from '../core/socket-io-link.js';
export { RoomsClient, type RoomCommandResult, type RoomEventNotice, type RoomsOptions, type RoomsSnapshot } from './client.js';
export { countdownPhase, remainingMs, type CountdownCommand, type CountdownPhase } from './countdown.js';
export type { RoomTarget } from './membership.js';
export { missedCompletion, type RoomModel } from './model.js';
export type { Room, RoomEvent, RoomFault, RoomMember, TimerState } from './protocol.js';
