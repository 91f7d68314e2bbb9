import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './fixture/modules.mjs';

const { readIdentity, remember, request, socketUrl } = await load('identity.js');

const stored = (value) => ({ getItem: () => value });

test('the address goes before what is stored, and a token before both', () => {
  for (const [search, memory, who] of [
    ['', null, null],
    ['', ' ada ', { userId: 'ada' }],
    ['?userId=%20', 'ada', { userId: 'ada' }],
    ['?userId=bob', 'ada', { userId: 'bob' }],
    ['?userId=bob&token=t', 'ada', { token: 't' }],
    ['?token=', 'ada', { userId: 'ada' }],
  ]) {
    assert.deepEqual(readIdentity(search, stored(memory)), who);
  }
});

test('a browser without storage is only forgetful', () => {
  const broken = {
    getItem() {
      throw new Error('denied');
    },
    setItem() {
      throw new Error('full');
    },
  };
  assert.equal(readIdentity('', broken), null);
  assert.equal(readIdentity('', null), null);
  remember(broken, 'ada');
});

test('the socket is on the same host', () => {
  const plain = { protocol: 'http:', host: 'h:4000' };
  assert.equal(socketUrl(plain, '/session', { userId: 'a&b', dialect: 'v1' }), 'ws://h:4000/session?userId=a%26b&dialect=v1');
  const secure = { protocol: 'https:', host: 'h' };
  assert.equal(socketUrl(secure, '/socket.io/', { token: 'x.y' }), 'wss://h/socket.io/?token=x.y');
});

test('a token is sent in a header and never in an HTTP address', () => {
  assert.deepEqual(request({ token: 'x' }, '/sessions', { limit: 2 }), {
    url: '/sessions?limit=2',
    headers: { authorization: 'Bearer x' },
  });
  assert.deepEqual(request({ userId: 'ada' }, '/sessions.csv'), { url: '/sessions.csv?userId=ada', headers: {} });
});
