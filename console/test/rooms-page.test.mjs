/** The rooms page on several devices: shared countdown, server outages, clock errors, focus, small screens. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openBrowser, screenshot } from './fixture/browser.mjs';
import { startServer } from './fixture/server.mjs';
import { until } from './fixture/until.mjs';

/** Two pages show a second at almost the same instant; a difference of a whole second is an error. */
const SKEW_MS_MAX = 600;

const MINUTE_MS = 60_000;

let server;
let browser;

before(async () => {
  server = await startServer();
  browser = await openBrowser();
});

after(async () => {
  await browser?.close();
  await server?.close();
});

test('two members share a room by its link, and both control the countdown', async () => {
  const ann = await browser.openRoom(server);
  const link = await ann.create({ name: 'Ann', minutes: 10 });
  assert.match(link, /#\/room\/[0-9a-z]{16}$/);
  await ann.members('Ann');
  const ben = await browser.openRoom(server, link);
  await ann.members('Ann', 'User 1');
  await ben.members('Ann', 'User 1');
  assert.equal(await ben.remaining(), 600);
  await screenshot(ann, 'room-ready');

  await ben.press('Start');
  await ann.phase('running');
  await ben.phase('running');
  await ann.untilRemaining((seconds) => seconds < 599);
  await screenshot(ann, 'room-running');
  await ann.press('+1 min');
  await ben.untilRemaining((seconds) => seconds > 610 && seconds <= 660);
  await ann.press('−1 min');
  await ben.untilRemaining((seconds) => seconds < 600);
  await ben.press('Pause');
  await ann.phase('paused');
  await until('both show the same time', async () => (await ann.remaining()) === (await ben.remaining()));
  const paused = await ann.remaining();
  await screenshot(ben, 'room-paused');
  await ann.press('Resume');
  await ben.phase('running');
  await ben.untilRemaining((seconds) => seconds < paused);
  await ann.press('Reset');
  for (const member of [ann, ben]) {
    await member.phase('ready');
    assert.equal(await member.remaining(), 600);
  }

  await ben.press('Leave the room');
  await ann.members('Ann');
  await ben.page.getByRole('heading', { name: 'Share a countdown' }).waitFor();
});

test('a countdown completes on every device, and is ready again', async () => {
  const ann = await browser.openRoom(server);
  const ben = await browser.openRoom(server, await ann.create());
  await ann.start({ minutes: 0, seconds: 3 });
  for (const member of [ann, ben]) await member.phase('running');
  for (const member of [ann, ben]) await member.status('Time is up');
  for (const member of [ann, ben]) {
    await member.phase('ready');
    assert.equal(await member.remaining(), 3);
  }
  await ann.status('Ready');
});

test('devices whose clocks differ by minutes show the same second', async () => {
  const withClockError = (ms) => async (page) =>
    page.addInitScript((errorMs) => {
      const real = Date.now.bind(Date);
      Date.now = () => real() + errorMs;
    }, ms);
  const ann = await browser.openRoom(server, null, { prepare: withClockError(-7 * MINUTE_MS) });
  const ben = await browser.openRoom(server, await ann.create({ minutes: 5 }), { prepare: withClockError(11 * MINUTE_MS) });
  await ann.press('Start');
  for (const member of [ann, ben]) await member.phase('running');
  const first = (await ann.remaining()) - 1;
  for (const member of [ann, ben]) await member.record();
  for (const member of [ann, ben]) await member.untilRemaining((seconds) => seconds < first - 4);
  const [recordedByAnn, recordedByBen] = [new Map(await ann.recorded()), new Map(await ben.recorded())];
  const both = [...recordedByAnn.keys()].filter((text) => recordedByBen.has(text)).slice(1);
  assert.ok(both.length >= 3, `they displayed ${[...recordedByAnn.keys()]} and ${[...recordedByBen.keys()]}`);
  for (const text of both) {
    const skew = Math.abs(recordedByAnn.get(text) - recordedByBen.get(text));
    assert.ok(skew < SKEW_MS_MAX, `${text} is displayed ${skew} ms apart`);
  }
});

test('during an outage the page counts locally, and continues with the server afterwards', async () => {
  const ann = await browser.openRoom(server);
  const ben = await browser.openRoom(server, await ann.create({ name: 'Ann', minutes: 5 }));
  await ann.press('Start');
  await ben.phase('running');
  await ann.members('Ann', 'User 1');
  await server.kill('SIGKILL');
  await ann.connection('offline');
  const before = await ann.remaining();
  await ann.untilRemaining((seconds) => seconds < before - 1);
  await ann.status('Running, counted locally');
  assert.equal(await ann.button('Pause').getAttribute('aria-disabled'), 'true');
  await screenshot(ann, 'room-offline');
  await server.start();
  for (const member of [ann, ben]) {
    await member.connection('online');
    await member.members('Ann', 'User 1');
    await member.phase('running');
  }
  await ann.press('Pause');
  await ben.phase('paused');
});

test('a completion during an outage is displayed after reconnecting', async () => {
  const ann = await browser.openRoom(server);
  const ben = await browser.openRoom(server, await ann.create());
  await ben.start({ minutes: 0, seconds: 4 });
  // Ben starts it, because Ann's own command would be displayed before the server receives it.
  await ann.phase('running');
  await server.kill('SIGKILL');
  await ann.status('Time is up (counted locally)');
  await server.start();
  await ann.connection('online');
  await ann.status('Time is up');
  await ann.phase('ready');
});

test('the focus moves when the focused element disappears', async () => {
  const ann = await browser.openRoom(server);
  await ann.button('Create a room').focus();
  await ann.page.keyboard.press('Enter');
  await ann.joined();
  assert.equal(await ann.focusedRole(), 'timer');
  await ann.press('Start');
  await ann.phase('running');
  await ann.button('Reset').focus();
  await ann.page.keyboard.press('Enter');
  await ann.phase('ready');
  assert.equal(await ann.focusedRole(), 'timer');
  await ann.page.goto(`${server.url}/#/room/nowhere`);
  await ann.page.getByText('This room does not exist').first().waitFor();
  await until('the error has the focus', async () => (await ann.focusedText()).startsWith('This room does not exist'));
});

test('a command is displayed at once, then the state of the server', async () => {
  const ann = await browser.openRoom(server);
  await ann.create({ minutes: 5 });
  await ann.press('Start');
  await ann.phase('running');
  server.signal('SIGSTOP');
  try {
    await ann.press('Pause');
    await ann.phase('paused');
  } finally {
    server.signal('SIGCONT');
  }
  const fresh = await browser.openRoom(server, await ann.link());
  await fresh.phase('paused');
  await until('both show the same time', async () => (await ann.remaining()) === (await fresh.remaining()));
});

test('a reloaded page stays the same member, and a duplicated tab becomes a new one', async () => {
  const ann = await browser.openRoom(server);
  const link = await ann.create({ name: 'Ann' });
  const ben = await browser.openRoom(server, link);
  await ben.members('Ann', 'User 1');
  await ben.watchMembers();
  await ann.page.reload();
  await ann.joined();
  await ann.members('Ann', 'User 1');
  await ann.press('Start');
  await ben.phase('running');
  assert.equal(await ben.memberChanges(), 0, 'the reload is invisible to others');
  // A browser that duplicates a tab copies its session storage, which contains the resume secret.
  const copiedItems = await ann.page.evaluate(() => JSON.stringify({ ...sessionStorage }));
  const duplicate = await ann.page.context().newPage();
  await duplicate.addInitScript((items) => {
    for (const [key, value] of Object.entries(JSON.parse(items))) sessionStorage.setItem(key, value);
  }, copiedItems);
  await duplicate.goto(link);
  await ben.members('Ann', 'Ann', 'User 1');
  await ann.members('Ann', 'Ann', 'User 1');
});

test('a missing room is reported, and another one can be joined by its link', async () => {
  const ann = await browser.openRoom(server);
  const link = await ann.create();
  const ben = await browser.openRoom(server);
  await ben.page.goto(`${server.url}/#/room/nowhere`);
  await ben.page.locator('[data-join-error]').getByText('This room does not exist').waitFor();
  await screenshot(ben, 'room-unknown');
  await ben.page.getByLabel('Or enter the link or id of a room').fill(link);
  await ben.press('Join');
  await ben.joined();
  await ann.members('User 1', 'User 2');
});

test('a small screen needs no horizontal scrolling', async () => {
  const phone = { viewport: { width: 360, height: 740 }, colorScheme: 'dark' };
  const ann = await browser.openRoom(server, null, phone);
  await screenshot(ann, 'rooms-phone');
  await ann.create({ minutes: 90 });
  await ann.press('Start');
  await ann.phase('running');
  await screenshot(ann, 'room-phone');
  const { scroll, width } = await ann.page.evaluate(() => ({
    scroll: document.documentElement.scrollWidth,
    width: window.innerWidth,
  }));
  assert.ok(scroll <= width, `${scroll} px wide`);
});

test('the timers page and the rooms page link to each other', async () => {
  const ann = await browser.openRoom(server);
  await ann.page.getByRole('link', { name: 'Timers', exact: true }).click();
  await ann.page.getByRole('heading', { name: 'Choose a user' }).waitFor();
  await ann.page.getByRole('link', { name: 'Rooms', exact: true }).click();
  await ann.page.getByRole('heading', { name: 'Share a countdown' }).waitFor();
});
