/** Logins at a real next-auth 4: the tokens of its `encode()` and the cookies of its session store. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import jwt from 'next-auth/jwt';
import { WebSocket } from 'ws';
import { startServer } from './fixture/server.mjs';
import { until } from './fixture/until.mjs';

const require = createRequire(import.meta.url);
// The package does not export it.
const { SessionStore } = require(join(dirname(require.resolve('next-auth')), 'core/lib/cookie.js'));

const SECRET = 'the secret of a next-auth server';
const PREVIOUS = 'the secret before it was rotated';
const PAGE = 'https://page.example.org';
const NAMES = ['next-auth.session-token', '__Secure-next-auth.session-token'];

let folder;
let server;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickcast-next-auth-'));
  await writeFile(join(folder, 'secrets'), `${SECRET}\n${PREVIOUS}\n`);
  server = await startServer({
    TICKCAST__AUTH__MODES: 'next-auth',
    TICKCAST__AUTH__NEXT_AUTH__SECRET_FILE: join(folder, 'secrets'),
    TICKCAST__PUBLIC__ORIGINS: PAGE,
  });
});

after(async () => {
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

const encode = (token, options = {}) => jwt.encode({ token, secret: SECRET, ...options });

/** The header `cookie` of a browser in which next-auth has stored a token. */
function cookies(token, name = NAMES[0]) {
  const logger = { debug() {} };
  const store = new SessionStore({ name, options: {} }, { cookies: {}, headers: {} }, logger);
  return store.chunk(token, {}).map((cookie) => `${cookie.name}=${cookie.value}`);
}

async function status(cookie) {
  const response = await fetch(`${server.url}/sessions`, { headers: { cookie } });
  await response.text();
  return response.status;
}

/** Opens a client of `/session` and returns the user as which it is logged in. */
async function userOf(cookie) {
  const address = `${server.url.replace('http', 'ws')}/session`;
  const socket = new WebSocket(address, { headers: { cookie, origin: PAGE } });
  const received = [];
  socket.on('message', (text) => received.push(JSON.parse(text)));
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'session-start', id: 'a', payload: { label: 'x' } }));
  const update = await until('an update', () => received.find(({ type }) => type === 'session-update'));
  socket.close();
  return update.payload.userId;
}

test('a token logs its user in, under both names of the cookie', async () => {
  const token = await encode({ sub: 'ann', id: '42', name: 'Ann Ümit', email: 'ann@example.org' });
  for (const name of NAMES) {
    assert.equal(await userOf(`theme=dark; ${cookies(token, name).join('; ')}`), '42');
  }
  assert.equal(await userOf(cookies(await encode({ sub: 'ann' })).join('; ')), 'ann');
});

test('a token in chunks logs its user in, in any order of the chunks', async () => {
  const token = await encode({ sub: 'ann', roles: 'x'.repeat(8000) });
  for (const name of NAMES) {
    const chunks = cookies(token, name);
    assert.ok(chunks.length === 3 && chunks.every((chunk) => chunk.length <= 4096));
    assert.equal(await userOf(chunks.join('; ')), 'ann');
    assert.equal(await userOf([...chunks].reverse().join('; ')), 'ann');
    for (const missing of chunks) {
      assert.equal(await status(chunks.filter((chunk) => chunk !== missing).join('; ')), 401);
    }
  }
});

test('tokens that next-auth refuses are refused', async () => {
  const valid = await encode({ sub: 'ann' });
  const refused = [
    await encode({ sub: 'ann' }, { maxAge: -20 }),
    await encode({ sub: 'ann' }, { secret: 'another secret' }),
    await encode({ sub: 'ann' }, { salt: 'authjs.session-token' }),
    `${valid}x`,
    valid.slice(0, -1),
    valid.replace('..', '.AAAA.'),
  ];
  for (const token of refused) {
    await assert.rejects(jwt.decode({ token, secret: SECRET }), token);
    assert.equal(await status(cookies(token).join('; ')), 401, token);
  }
});

test('during a rotation both secrets are accepted', async () => {
  assert.equal(await status(cookies(await encode({ sub: 'ann' }, { secret: PREVIOUS })).join('; ')), 200);
});

test('the tokens of the other tests are what next-auth reads', async () => {
  const file = new URL('../../fixtures/next_auth/cookies.json', import.meta.url);
  const vectors = JSON.parse(await readFile(file, 'utf8'));
  const secrets = { of_the_previous_secret: vectors.previous_secret };
  for (const [name, token] of Object.entries(vectors.valid)) {
    const claims = await jwt.decode({ token, secret: secrets[name] ?? vectors.secret });
    assert.ok(claims.id ?? claims.sub, name);
  }
});
