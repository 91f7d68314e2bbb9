/** Pages with hooks in the style of the original's, in several tabs, at a real server whose date is the simulated one. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startMovableClock } from './fixture/movable-clock.mjs';
import { startServer } from './fixture/server.mjs';
import { Browser } from './fixture/tabs.mjs';
import { until } from './fixture/until.mjs';

const MINUTE = 60_000;
/** Noon of 2026-11-20 in UTC. */
const NOON = 1_795_176_000_000;
/** Most posts per minute and tab. */
const POSTS = 1.2;
/** How far the clocks of the devices are off, in ms. */
const CLOCKS = { exact: 0, ahead: 90_000, behind: -90_000 };

let clock;
let server;
let browser;

before(async () => {
  clock = await startMovableClock(NOON);
  server = await startServer(clock.environment);
  browser = new Browser(server.url, NOON);
});

after(async () => {
  await browser?.close();
  await server?.close();
  await clock?.close();
});

/** Passes minutes on the pages and on the server. */
async function passMinutes(minutes) {
  for (let minute = 0; minute < minutes; minute += 1) {
    await browser.pass(MINUTE);
    await clock.setTo(browser.time);
    await until('the server knows the time', async () => {
      const answer = await request('clock', '/api/heartbeat', { method: 'POST', body: '{}' });
      return answer.serverTime >= browser.time;
    });
  }
}

async function request(user, path, init) {
  const response = await fetch(`${server.url}${path}?userId=${user}`, init);
  assert.equal(response.status, 200);
  return response.json();
}

async function stored(user) {
  return (await request(user, '/api/session')).data;
}

/** Opens two tabs of a person who is at work. The second one learns so when it is opened. */
async function openTwoTabs(user, offset = 0) {
  const first = await browser.open(user, offset);
  await browser.run(() => first.page.clockIn());
  await browser.pass(3_000);
  const second = await browser.open(user, offset);
  assert.deepEqual(kinds(second.page.sessionData), ['IN']);
  return [first, second];
}

const kinds = ({ entries }) => entries.map(({ type }) => type);

test('a tab posts about once a minute, whatever its clock says', async (t) => {
  const tabs = {};
  for (const [user, offset] of Object.entries(CLOCKS)) {
    tabs[user] = await openTwoTabs(user, offset);
  }
  await passMinutes(20);
  for (const [first] of Object.values(tabs)) await browser.run(() => first.page.clockOut());
  await passMinutes(10);
  // The other tab goes on with what it has learned from its own posts.
  for (const [, second] of Object.values(tabs)) {
    assert.deepEqual(kinds(second.page.sessionData), ['IN', 'OUT']);
    await browser.run(() => second.page.clockIn());
  }
  await passMinutes(30);
  for (const [user, [first, second]] of Object.entries(tabs)) {
    for (const tab of [first, second]) {
      const { 'POST /api/session': posts, 'POST /api/heartbeat': heartbeats } = tab.sent;
      t.diagnostic(`${user}: ${posts} posts`);
      assert.ok(posts <= POSTS * 60, `${user}: ${posts} posts in an hour`);
      assert.ok(posts >= 30, `${user}: ${posts} posts are too few for a page that counts minutes`);
      assert.ok(heartbeats >= 119 && heartbeats <= 121, `${user}: ${heartbeats} heartbeats`);
      assert.equal(tab.page.error, null);
      assert.deepEqual(kinds(tab.page.sessionData), ['IN', 'OUT', 'IN'], user);
    }
    assert.match(first.text, /^IN \d+$/);
    const { entries, dailyStats } = await stored(user);
    assert.deepEqual(kinds({ entries }), ['IN', 'OUT', 'IN']);
    // A device that is 90 s off punches 90 s off; the server counts the open run by its own clock.
    const near = (minutes, expected) => assert.ok(Math.abs(minutes - expected) <= 3, `${user}: ${minutes}`);
    near(dailyStats.totalWorkMinutes, 50);
    near(dailyStats.totalBreakMinutes, 10);
  }
});

test('a reset in one tab stays a reset', async () => {
  const [first, second] = await openTwoTabs('ann');
  await passMinutes(3);
  // A save of the old document is pending in both tabs.
  await browser.run(() => second.page.updateSessionData({ currentTheme: 'minimal' }));
  await browser.run(() => first.page.updateSessionData({ currentStatus: 'IN' }));
  await browser.run(() => first.page.resetSession());
  assert.deepEqual(first.page.sessionData.entries, []);
  await passMinutes(5);
  for (const tab of [first, second]) {
    assert.deepEqual(tab.page.sessionData.entries, []);
    assert.equal(tab.page.sessionData.currentStatus, 'OUT');
    assert.equal(tab.page.error, null);
  }
  assert.deepEqual((await stored('ann')).entries, []);
  await browser.run(() => second.page.clockIn());
  await passMinutes(2);
  assert.deepEqual(kinds(await stored('ann')), ['IN'], 'and the day goes on');
});

test('a theme changed in one tab stays changed', async () => {
  const [first, second] = await openTwoTabs('ben');
  await passMinutes(2);
  await browser.run(() => first.page.updateSessionData({ currentTheme: 'dark' }));
  await passMinutes(3);
  for (const tab of [first, second]) assert.equal(tab.page.sessionData.currentTheme, 'dark');
  assert.equal((await stored('ben')).currentTheme, 'dark');
  await browser.run(() => second.page.updateSessionData({ currentTheme: 'minimal' }));
  await passMinutes(3);
  for (const tab of [first, second]) assert.equal(tab.page.sessionData.currentTheme, 'minimal');
});

test('a page saves when it is hidden, reads when it is shown, and sends a beacon when it is left', async () => {
  const [first, second] = [await browser.open('cem'), await browser.open('cem')];
  await browser.run(() => first.page.clockIn());
  await first.show('hidden');
  assert.deepEqual(kinds(await stored('cem')), ['IN'], 'before the two seconds have passed');
  assert.deepEqual(second.page.sessionData.entries, []);
  await second.show('visible');
  assert.deepEqual(kinds(second.page.sessionData), ['IN']);
  await browser.pass(5_000);
  await browser.run(() => second.page.clockOut());
  await second.leave();
  assert.deepEqual(kinds(await stored('cem')), ['IN', 'OUT']);
});
