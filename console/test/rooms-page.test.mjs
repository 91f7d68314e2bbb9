/** The rooms page on several devices: they share a countdown, and lose nothing when the server goes away. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openBrowser, shoot } from './fixture/browser.mjs';
import { startServer } from './fixture/server.mjs';
import { until } from './fixture/until.mjs';

/** Two pages show a second at almost the same instant; a whole second would be another second. */
const APART_MS = 600;

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

test('two people share a room by its link, and each drives the countdown', async () => {
  const ann = await browser.openRoom(server);
  const link = await ann.create({ name: 'Ann', minutes: 10 });
  assert.match(link, /#\/room\/[0-9a-z]{16}$/);
  await ann.people('Ann');
  const ben = await browser.openRoom(server, link);
  await ann.people('Ann', 'User 1');
  await ben.people('Ann', 'User 1');
  assert.equal(await ben.left(), 600);
  await shoot(ann, 'room-ready');

  await ben.press('Start');
  await ann.phase('running');
  await ben.phase('running');
  await ann.untilLeft((left) => left < 599);
  await shoot(ann, 'room-running');
  await ann.press('+1 min');
  await ben.untilLeft((left) => left > 610 && left <= 660);
  await ann.press('−1 min');
  await ben.untilLeft((left) => left < 600);
  await ben.press('Pause');
  await ann.phase('paused');
  await until('both show the same', async () => (await ann.left()) === (await ben.left()));
  const paused = await ann.left();
  await shoot(ben, 'room-paused');
  await ann.press('Resume');
  await ben.phase('running');
  await ben.untilLeft((left) => left < paused);
  await ann.press('Reset');
  for (const person of [ann, ben]) {
    await person.phase('ready');
    assert.equal(await person.left(), 600);
  }

  await ben.press('Leave the room');
  await ann.people('Ann');
  await ben.page.getByRole('heading', { name: 'Share a countdown' }).waitFor();
});

test('a countdown comes to its end on every device, and is ready again', async () => {
  const ann = await browser.openRoom(server);
  const ben = await browser.openRoom(server, await ann.create());
  await ann.start({ minutes: 0, seconds: 3 });
  for (const person of [ann, ben]) await person.phase('running');
  for (const person of [ann, ben]) await person.says('Time is up');
  for (const person of [ann, ben]) {
    await person.phase('ready');
    assert.equal(await person.left(), 3);
  }
  await ann.says('Ready');
});

test('devices whose clocks differ by minutes show the same second', async () => {
  const wrongBy = (ms) => async (page) =>
    page.addInitScript((wrongMs) => {
      const real = Date.now.bind(Date);
      Date.now = () => real() + wrongMs;
    }, ms);
  const ann = await browser.openRoom(server, null, { prepare: wrongBy(-7 * MINUTE_MS) });
  const ben = await browser.openRoom(server, await ann.create({ minutes: 5 }), { prepare: wrongBy(11 * MINUTE_MS) });
  await ann.press('Start');
  for (const person of [ann, ben]) await person.phase('running');
  const first = (await ann.left()) - 1;
  for (const person of [ann, ben]) await person.record();
  for (const person of [ann, ben]) await person.untilLeft((left) => left < first - 4);
  const [seenByAnn, seenByBen] = [new Map(await ann.recorded()), new Map(await ben.recorded())];
  const both = [...seenByAnn.keys()].filter((text) => seenByBen.has(text)).slice(1);
  assert.ok(both.length >= 3, `they showed ${[...seenByAnn.keys()]} and ${[...seenByBen.keys()]}`);
  for (const text of both) {
    const apart = Math.abs(seenByAnn.get(text) - seenByBen.get(text));
    assert.ok(apart < APART_MS, `${text} is shown ${apart} ms apart`);
  }
});

test('while the server is away the countdown is counted on, and then goes on as if nothing had been', async () => {
  const ann = await browser.openRoom(server);
  const ben = await browser.openRoom(server, await ann.create({ name: 'Ann', minutes: 5 }));
  await ann.press('Start');
  await ben.phase('running');
  await ann.people('Ann', 'User 1');
  await server.kill('SIGKILL');
  await ann.connection('offline');
  const before = await ann.left();
  await ann.untilLeft((left) => left < before - 1);
  await ann.says('Running, counted on here');
  assert.equal(await ann.button('Pause').getAttribute('aria-disabled'), 'true');
  await shoot(ann, 'room-offline');
  await server.start();
  for (const person of [ann, ben]) {
    await person.connection('online');
    await person.people('Ann', 'User 1');
    await person.phase('running');
  }
  await ann.press('Pause');
  await ben.phase('paused');
});

test('whoever was away at zero is told when they are back', async () => {
  const ann = await browser.openRoom(server);
  const ben = await browser.openRoom(server, await ann.create());
  await ben.start({ minutes: 0, seconds: 4 });
  // Her own press she would see before the server has heard of it.
  await ann.phase('running');
  await server.kill('SIGKILL');
  await ann.says('Time is up, as counted here');
  await server.start();
  await ann.connection('online');
  await ann.says('Time is up');
  await ann.phase('ready');
});

test('the keyboard finds its place again when what it was on is gone', async () => {
  const ann = await browser.openRoom(server);
  await ann.button('Create a room').focus();
  await ann.page.keyboard.press('Enter');
  await ann.isIn();
  assert.equal(await ann.focusedRole(), 'timer');
  await ann.press('Start');
  await ann.phase('running');
  await ann.button('Reset').focus();
  await ann.page.keyboard.press('Enter');
  await ann.phase('ready');
  assert.equal(await ann.focusedRole(), 'timer');
  await ann.page.goto(`${server.url}/#/room/nowhere`);
  await ann.page.getByText('There is no such room').first().waitFor();
  await until('the reason has the focus', async () => (await ann.focusedText()).startsWith('There is no such room'));
});

test('a press is shown at once, and settles on what the server says', async () => {
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
  await until('both show the same', async () => (await ann.left()) === (await fresh.left()));
});

test('a reloaded page is the same member, and a second tab is another', async () => {
  const ann = await browser.openRoom(server);
  const link = await ann.create({ name: 'Ann' });
  const ben = await browser.openRoom(server, link);
  await ben.people('Ann', 'User 1');
  await ben.watchPeople();
  await ann.page.reload();
  await ann.isIn();
  await ann.people('Ann', 'User 1');
  await ann.press('Start');
  await ben.phase('running');
  assert.equal(await ben.peopleMoves(), 0, 'nobody saw it');
  // What a browser does when a tab is duplicated: the second one knows the first one's secret.
  const copied = await ann.page.evaluate(() => JSON.stringify({ ...sessionStorage }));
  const second = await ann.page.context().newPage();
  await second.addInitScript((items) => {
    for (const [key, value] of Object.entries(JSON.parse(items))) sessionStorage.setItem(key, value);
  }, copied);
  await second.goto(link);
  await ben.people('Ann', 'Ann', 'User 1');
  await ann.people('Ann', 'Ann', 'User 1');
});

test('a room that is not there is said to be, and another can be made or joined by its link', async () => {
  const ann = await browser.openRoom(server);
  const link = await ann.create();
  const ben = await browser.openRoom(server);
  await ben.page.goto(`${server.url}/#/room/nowhere`);
  await ben.page.locator('[data-refusal]').getByText('There is no such room').waitFor();
  await shoot(ben, 'room-unknown');
  await ben.page.getByLabel('Or the link or id of a room').fill(link);
  await ben.press('Join');
  await ben.isIn();
  await ann.people('User 1', 'User 2');
});

test('the page is of use on a small screen', async () => {
  const phone = { viewport: { width: 360, height: 740 }, colorScheme: 'dark' };
  const ann = await browser.openRoom(server, null, phone);
  await shoot(ann, 'rooms-phone');
  await ann.create({ minutes: 90 });
  await ann.press('Start');
  await ann.phase('running');
  await shoot(ann, 'room-phone');
  const { scroll, width } = await ann.page.evaluate(() => ({
    scroll: document.documentElement.scrollWidth,
    width: window.innerWidth,
  }));
  assert.ok(scroll <= width, `${scroll} px wide`);
});

test('the timers page and the rooms page lead to each other', async () => {
  const ann = await browser.openRoom(server);
  await ann.page.getByRole('link', { name: 'Timers', exact: true }).click();
  await ann.page.getByRole('heading', { name: 'Whose timers?' }).waitFor();
  await ann.page.getByRole('link', { name: 'Rooms', exact: true }).click();
  await ann.page.getByRole('heading', { name: 'Share a countdown' }).waitFor();
});
