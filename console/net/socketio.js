/**
 * Socket.IO over one WebSocket, as a protocol of a `Connection`: the namespace `/`, text only. Messages are
 * `{type, payload, id?}`; `opened` says how often the server pings, `connected` that it has let us in, `answer` is
 * what an `id` was waiting for.
 */

export const PATH = '/socket.io/';
export const QUERY = { EIO: '4', transport: 'websocket' };

/** `credentials` is what the server is told of who we are, or null. */
export function socketIo(credentials) {
  const hello = `40${credentials ? JSON.stringify(credentials) : ''}`;
  return {
    write: ({ type, payload, id }) => `42${id ?? ''}${JSON.stringify(payload === undefined ? [type] : [type, payload])}`,
    read(text, reply) {
      if (text === '2') reply('3');
      else if (text.startsWith('0')) reply(hello);
      return message(text);
    },
  };
}

function message(text) {
  const [, kind, id, json] = /^(0|2|4[0-4])(\d*)(.*)$/s.exec(text) ?? [];
  if (kind === '2') return { type: 'ping' };
  const body = parse(json);
  if (kind === '0') return { type: 'opened', payload: body };
  if (kind === '40') return { type: 'connected' };
  if (kind === '41') return { type: 'disconnected' };
  if (kind === '42' && typeof body?.[0] === 'string') return { type: body[0], payload: body[1] };
  if (kind === '43') return { type: 'answer', id: Number(id), payload: body?.[0] };
  if (kind === '44') return { type: 'refused', payload: body };
  return null;
}

function parse(json) {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}
