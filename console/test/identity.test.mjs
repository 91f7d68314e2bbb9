import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './fixture/modules.mjs';

const { authenticatedRequest, readIdentity, saveUserId, socketUrl } = await load('identity.js');

const storageWith = (value) => ({ getItem: () => value });

test('a user id in the URL overrides the stored one, and a token overrides both', () => {
  for (const [search, stored, identity] of [
    ['', null, null],
    ['', ' ada ', { userId: 'ada' }],
    ['?userId=%20', 'ada', { userId: 'ada' }],
    ['?userId=bob', 'ada', { userId: 'bob' }],
    ['?userId=bob&token=t', 'ada', { token: 't' }],
    ['?token=', 'ada', { userId: 'ada' }],
  ]) {
    assert.deepEqual(readIdentity(search, storageWith(stored)), identity);
  }
});

test('a browser without storage has no stored identity', () => {
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
  saveUserId(broken, 'ada');
});

test('the socket URL has the host of the page', () => {
  const plain = { protocol: 'http:', host: 'h:4000' };
  assert.equal(socketUrl(plain, '/session', { userId: 'a&b', dialect: 'v1' }), 'ws://h:4000/session?userId=a%26b&dialect=v1');
  const secure = { protocol: 'https:', host: 'h' };
  assert.equal(socketUrl(secure, '/socket.io/', { token: 'x.y' }), 'wss://h/socket.io/?token=x.y');
});

test('a token is sent in a header and never in an HTTP URL', () => {
  assert.deepEqual(authenticatedRequest({ token: 'x' }, '/sessions', { limit: 2 }), {
    url: '/sessions?limit=2',
    headers: { authorization: 'Bearer x' },
  });
  assert.deepEqual(authenticatedRequest({ userId: 'ada' }, '/sessions.csv'), { url: '/sessions.csv?userId=ada', headers: {} });
});
