/**
 * Socket.IO over one WebSocket, as the protocol of a `Connection`: namespace `/`, text only. Messages are
 * `{type, payload, id?}`. Besides the server's events, the types are `open` (with the ping interval), `connect`,
 * `disconnect`, `connect_error`, `ping`, and `ack`, the answer to the message with that `id`.
 */

export const PATH = 'socket.io/';
export const QUERY = { EIO: '4', transport: 'websocket' };

/** `credentials` is the payload of the CONNECT packet, or null. */
export function socketIo(credentials) {
  const connectPacket = `40${credentials ? JSON.stringify(credentials) : ''}`;
  return {
    write: ({ type, payload, id }) => `42${id ?? ''}${JSON.stringify(payload === undefined ? [type] : [type, payload])}`,
    read(text, reply) {
      if (text === '2') reply('3');
      else if (text.startsWith('0')) reply(connectPacket);
      return decode(text);
    },
  };
}

function decode(text) {
  const [, packetType, id, json] = /^(0|2|4[0-4])(\d*)(.*)$/s.exec(text) ?? [];
  if (packetType === '2') return { type: 'ping' };
  const body = parse(json);
  if (packetType === '0') return { type: 'open', payload: body };
  if (packetType === '40') return { type: 'connect' };
  if (packetType === '41') return { type: 'disconnect' };
  if (packetType === '42' && typeof body?.[0] === 'string') return { type: body[0], payload: body[1] };
  if (packetType === '43') return { type: 'ack', id: Number(id), payload: body?.[0] };
  if (packetType === '44') return { type: 'connect_error', payload: body };
  return null;
}

function parse(json) {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}
