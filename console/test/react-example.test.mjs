/** The React example, built by Vite, in the browser: three systems over one server that is restarted. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openBrowser, screenshot } from './fixture/browser.mjs';
import { storedPunches, untilStored } from './fixture/punches.mjs';
import { freePort, startServer } from './fixture/server.mjs';
import { until } from './fixture/until.mjs';

const EXAMPLE = new URL('../../examples/react/', import.meta.url).pathname;
const PHONE = { width: 390, height: 844 };

let server;
let preview;
let browser;

before(async () => {
  server = await startServer();
  process.env.TICKCAST_URL = server.url;
  // As the module that its package exports to modules: the tests have no Vite of their own.
  const vite = await import(`${EXAMPLE}node_modules/vite/dist/node/index.js`);
  const quiet = { root: EXAMPLE, configFile: `${EXAMPLE}vite.config.js`, logLevel: 'silent' };
  await vite.build(quiet);
  preview = await vite.preview({ ...quiet, preview: { host: '127.0.0.1', port: await freePort(), strictPort: true } });
  browser = await openBrowser();
});

after(async () => {
  await browser?.close();
  await preview?.close();
  await server?.close();
});

/** The page of a person, by labels, roles and text. */
class Desk {
  sockets = [];

  constructor(page) {
    this.page = page;
    page.on('websocket', (socket) => this.sockets.push(new URL(socket.url()).pathname));
  }

  static async open(user, { hash = '', ...options } = {}) {
    let desk;
    const prepare = (page) => (desk = new Desk(page));
    await browser.openUrl(`${preview.resolvedUrls.local[0]}${hash}`, { prepare, ...options });
    await desk.page.getByLabel('Your name').fill(user);
    await desk.press('Sign in');
    return desk;
  }

  card(title) {
    return this.page.getByRole('region', { name: title });
  }

  async press(name) {
    await this.page.getByRole('button', { name, exact: true }).click();
  }

  /** Waits until all cards are, or are not, confirmed by the server. */
  async live(isLive = true) {
    for (const title of ['Working day', 'Stopwatches', 'Team countdown']) {
      await this.card(title).locator(isLive ? '.badge.live' : '.badge:not(.live)').waitFor();
    }
  }

  async seconds(label) {
    const text = await this.page.getByRole('timer', { name: label, exact: true }).textContent();
    return text.split(':').reduce((total, part) => total * 60 + Number(part), 0);
  }

  async untilSeconds(label, is) {
    await until(`${label} shows the expected time`, async () => is(await this.seconds(label)));
  }

  async members(...names) {
    const list = this.card('Team countdown').locator('.members li');
    await until(`${names} are members`, async () => (await list.allTextContents()).sort().join() === names.sort().join());
  }
}

test('three systems tick on two devices, over one connection each, and outlive a killed server', async () => {
  const ada = await Desk.open('Ada');
  await ada.page.getByLabel('What are you doing?').fill('Write the report');
  await ada.press('Start');
  await ada.untilSeconds('Write the report', (seconds) => seconds >= 1);
  await ada.press('Create a room');
  await ada.members('Ada (you)');
  const { hash } = new URL(ada.page.url());
  assert.match(hash, /^#room=.{16}$/);
  const ben = await Desk.open('Ben', { hash, viewport: PHONE, colorScheme: 'dark' });
  await ada.members('Ada (you)', 'Ben');
  await ben.card('Team countdown').getByRole('button', { name: 'Start', exact: true }).click();
  for (const desk of [ada, ben]) await desk.untilSeconds('Remaining time', (seconds) => seconds <= 25 * 60 - 2);
  await ada.press('Clock in');
  await ada.untilSeconds('Work', (seconds) => seconds >= 2);
  await ada.live();
  await screenshot(ada, 'react-example-desktop');
  await screenshot(ben, 'react-example-phone');
  const width = await ben.page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(width[0] <= width[1], `nothing is cut off on a phone: ${width}`);
  const opened = (path) => ada.sockets.filter((socket) => socket === path).length;
  assert.deepEqual(['/tickcast/session', '/tickcast/api/session/live'].map(opened), [1, 1], 'also in StrictMode');

  await server.kill('SIGKILL');
  await ada.card('Stopwatches').locator('.badge:not(.live)').waitFor();
  const before = [await ada.seconds('Write the report'), await ada.seconds('Remaining time')];
  await ada.press('Clock out');
  await ada.untilSeconds('Break', (seconds) => seconds >= 1);
  await ada.untilSeconds('Write the report', (seconds) => seconds > before[0]);
  await server.start();
  await ada.live();
  assert.ok((await ada.seconds('Write the report')) > before[0] && (await ada.seconds('Remaining time')) < before[1]);
  await ada.members('Ada (you)', 'Ben');

  await ada.page.reload();
  await ada.live();
  await ada.untilSeconds('Break', (seconds) => seconds >= 1);
  await ada.untilSeconds('Write the report', (seconds) => seconds > before[0]);
  await ada.members('Ada (you)', 'Ben');
  await untilStored(server, { search: '?userId=Ada' }, 'IN', 'OUT');
  await ada.press('Leave the room');
  await ben.members('Ben (you)');
  await ada.page.getByLabel('Link or id of a room').fill('100%');
  await ada.press('Join');
  await ada.page.getByText('You cannot join this room').waitFor();
  await ada.press('Back');

  // No request gets an answer, and only the beacon of a page that is left gets through.
  await ben.page.evaluate(() => (window.fetch = () => new Promise(() => {})));
  await ben.press('Clock in');
  await ben.untilSeconds('Work', (seconds) => seconds >= 1);
  assert.deepEqual(await storedPunches(server, { search: '?userId=Ben' }), []);
  await ben.page.goto('about:blank');
  await untilStored(server, { search: '?userId=Ben' }, 'IN');
});
