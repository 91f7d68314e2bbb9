/** Requests of Focus that the server refuses or cannot answer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settle } from './fixture/clock.mjs';
import { FocusPage, openCounting } from './fixture/focus.mjs';

const puts = ({ requests }) => requests.filter((request) => request.startsWith('PUT'));

test('a command whose token is not accepted fails, after another token was asked for once', async () => {
  for (const [credential, status, sent] of [[{ token: 'old' }, 401, 1], [{ token: ({ rejected }) => `${rejected ?? ''}+` }, 401, 2], [{ token: () => 't' }, 403, 1]]) {
    const page = await openCounting({ credential });
    page.server.answer = (method) => method === 'PUT' && Response.json({ message: 'Token expired' }, { status });
    const { ok, error } = await page.client.pause();
    await page.clock.advance(60_000);
    assert.deepEqual([ok, error.code, error.message, puts(page.server).length], [false, `http_${status}`, 'Token expired', sent]);
    assert.deepEqual([page.snapshot.pending, page.snapshot.session.status], [[], 'active']);
  }
});

test('requests that fail again and again become rare', async () => {
  const page = await (await new FocusPage().open()).ready();
  const { id } = page.server.add();
  page.server.answer = (_, path) => (path.endsWith('stats') ? Response.json({ message: 'unknown zone' }, { status: 400 }) : undefined);
  await page.client.remove(id);
  await settle();
  const before = page.server.requests.length;
  await page.pass(93_000);
  const sent = page.server.requests.slice(before).filter((request) => request.includes('stats'));
  assert.deepEqual([sent.length, page.errors], [5, ['http 400']], 'after 3, 6, 12, 24 and 48 s');
  page.server.answer = () => undefined;
  await page.pass(48_000);
  assert.equal(page.snapshot.stats.completedSessions, 0);
});
