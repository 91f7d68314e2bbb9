// The same server on Socket.IO: a room for each user, one emit per user and second, and the Redis adapter, which
// delivers to other nodes. Usage: `node server.js <port> <Redis URL>`.
import { createServer } from 'node:http';
import { createAdapter } from '@socket.io/redis-adapter';
import { createClient } from 'redis';
import { Server } from 'socket.io';

const [port, redis] = process.argv.slice(2);
const publisher = createClient({ url: redis });
const subscriber = publisher.duplicate();
await Promise.all([publisher.connect(), subscriber.connect()]);

const http = createServer();
const io = new Server(http, { adapter: createAdapter(publisher, subscriber) });

/** User id → running sessions. */
const users = new Map();

io.on('connection', (socket) => {
  const id = socket.handshake.query.userId ?? 'guest';
  socket.join(`user:${id}`);
  if (!users.has(id)) users.set(id, new Map());
  const sessions = users.get(id);
  socket.emit('ready', [...sessions.values()]);
  socket.on('session-start', ({ sessionId, label }) => {
    sessions.set(sessionId, { sessionId, label, startedAt: Date.now(), running: true });
    io.to(`user:${id}`).emit('session-snapshot', [...sessions.values()]);
  });
});

function tick() {
  // A timer may fire a millisecond early.
  const serverTime = Math.round(Date.now() / 1000) * 1000;
  for (const [id, sessions] of users) {
    if (sessions.size === 0) continue;
    const payload = [...sessions.values()].map(({ sessionId, startedAt, running }) => (
      { sessionId, elapsedMs: serverTime - startedAt, running }
    ));
    io.to(`user:${id}`).emit('tick', { payload, serverTime });
  }
  setTimeout(tick, serverTime + 1000 - Date.now());
}

setTimeout(tick, 1000 - (Date.now() % 1000));
http.listen({ port: Number(port), host: '127.0.0.1', backlog: 4096 });
