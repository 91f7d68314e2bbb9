import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './fixture/modules.mjs';

const { readIdentity, saveUserId } = await load('identity.js');

const storageWith = (value) => ({ getItem: () => value });

test('a user id in the URL overrides the stored one, and a token overrides both', () => {
  for (const [search, stored, identity] of [
    ['', null, null],
    ['', ' ada ', { userId: 'ada' }],
    ['?userId=%20', 'ada', { userId: 'ada' }],
    ['?userId=bob', 'ada', { userId: 'bob' }],
    ['?userId=bob&token=t', 'ada', { token: 't' }],
    ['?token=', 'ada', { userId: 'ada' }],
    ['?login=site', 'ada', { site: true }],
    ['?login=site&token=t', null, { token: 't' }],
    ['?login=other', 'ada', { userId: 'ada' }],
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
