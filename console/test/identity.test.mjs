import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './fixture/modules.mjs';

const { readIdentity, saveUserId, socketUrl } = await load('identity.js');

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

test('the socket URL is beside the page, with its host and without its query', () => {
  for (const [page, path, query, url] of [
    ['http://h:4000/', 'session', { userId: 'a&b', dialect: 'v1' }, 'ws://h:4000/session?userId=a%26b&dialect=v1'],
    ['https://h/?token=x.y#/rooms', 'socket.io/', { EIO: '4' }, 'wss://h/socket.io/?EIO=4'],
    ['http://h/timers/', 'session', { token: 'x.y' }, 'ws://h/timers/session?token=x.y'],
    ['https://h:8443/a/b/index.html?userId=c', 'socket.io/', { EIO: '4' }, 'wss://h:8443/a/b/socket.io/?EIO=4'],
  ]) {
    assert.equal(socketUrl({ href: page }, path, query), url);
  }
});
