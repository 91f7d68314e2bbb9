// A hand-written realtime server: express, ws, and maps in memory. Usage: `node server.js <port>`.
//
// In addition to the fields of the original, a tick has its second, so that its delay can be measured.
import { createServer } from 'node:http';
import cors from 'cors';
import express from 'express';
import { WebSocketServer } from 'ws';

/** User id → { clients, sessions }. */
const users = new Map();

const app = express();
app.use(cors());
app.get('/health', (_, response) => response.json({ ok: true }));
const server = createServer(app);
const sockets = new WebSocketServer({ server, path: '/session' });

function userOf(id) {
  if (!users.has(id)) users.set(id, { clients: new Set(), sessions: new Map() });
  return users.get(id);
}

function elapsed(session, now) {
  return session.accumulatedMs + (session.running ? now - session.startedAt : 0);
}

function broadcast(user, message) {
  const text = JSON.stringify(message);
  for (const client of user.clients) {
    if (client.readyState === client.OPEN) client.send(text);
  }
}

const commands = {
  'session-start': (user, { sessionId, label, goals = [], comment }) => {
    user.sessions.set(sessionId, {
      sessionId, label, goals, comment, startedAt: Date.now(), accumulatedMs: 0, running: true,
    });
  },
  'session-pause': (user, { sessionId }) => {
    const session = user.sessions.get(sessionId);
    if (!session?.running) return;
    session.accumulatedMs = elapsed(session, Date.now());
    session.running = false;
  },
  'session-resume': (user, { sessionId }) => {
    const session = user.sessions.get(sessionId);
    if (!session || session.running) return;
    session.startedAt = Date.now();
    session.running = true;
  },
  'session-stop': (user, { sessionId }) => user.sessions.delete(sessionId),
};

sockets.on('connection', (socket, request) => {
  const id = new URL(request.url, 'http://localhost').searchParams.get('userId') ?? 'guest';
  const user = userOf(id);
  user.clients.add(socket);
  socket.send(JSON.stringify({ type: 'ready', payload: [...user.sessions.values()] }));
  socket.on('message', (data) => {
    const { type, payload } = JSON.parse(data);
    if (!commands[type]) return;
    commands[type](user, payload);
    broadcast(user, { type: 'session-snapshot', payload: [...user.sessions.values()] });
  });
  socket.on('close', () => user.clients.delete(socket));
});

function tick() {
  const now = Date.now();
  // A timer may fire a millisecond early.
  const serverTime = Math.round(now / 1000) * 1000;
  for (const user of users.values()) {
    for (const session of user.sessions.values()) {
      if (!session.running) continue;
      const { sessionId, running } = session;
      const payload = { sessionId, elapsedMs: elapsed(session, serverTime), running };
      broadcast(user, { type: 'tick', payload, serverTime });
    }
  }
  setTimeout(tick, serverTime + 1000 - Date.now());
}

setTimeout(tick, 1000 - (Date.now() % 1000));
server.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 });
