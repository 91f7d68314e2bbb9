/** The display of a room: one second on all screens, nothing to operate, and it recovers by itself. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openBrowser, screenshot } from './fixture/browser.mjs';
import { startServer } from './fixture/server.mjs';
import { until } from './fixture/until.mjs';

const PROJECTOR = { viewport: { width: 1920, height: 1080 }, permissions: ['clipboard-read', 'clipboard-write'] };

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

const level = (page, name) => page.locator(`[data-display][data-level="${name}"]`).waitFor();
/** Counts what a visitor could operate. */
const operable = (page) => page.locator('button:visible, input:visible, a:visible, select:visible').count();
const statusIs = (page, text) => page.locator('[data-display-status]').getByText(text, { exact: true }).waitFor();

/** Makes the requests for wake locks and full screen visible, which a browser without a screen refuses. */
function recordRequests(page) {
  return page.addInitScript(() => {
    window.requested = [];
    Object.defineProperty(navigator, 'wakeLock', { value: { request: async (type) => void window.requested.push(type) } });
    Element.prototype.requestFullscreen = async () => void window.requested.push('fullscreen');
  });
}

test('a display follows its room through an outage, up to the end', async () => {
  const ann = await browser.openRoom(server, null, { permissions: ['clipboard-read', 'clipboard-write'] });
  await ann.create({ name: 'Ann', minutes: 0, seconds: 12 });
  const row = ann.page.locator('.share', { hasText: 'For a big screen' });
  const link = await row.getByRole('textbox').inputValue();
  await row.getByRole('button', { name: 'Copy link' }).click();
  assert.equal(await ann.page.evaluate(() => navigator.clipboard.readText()), link);

  const page = await browser.openPage(server, `/${new URL(link).hash}`, { ...PROJECTOR, prepare: recordRequests });
  await statusIs(page, 'Ready');
  await ann.members('Ann', 'Display');
  assert.equal(await operable(page), 0);
  await page.keyboard.press('f');
  await page.locator('[data-display]').click();
  await until('screen and full screen are requested', async () => {
    const requested = await page.evaluate(() => window.requested);
    return requested.includes('screen') && requested.filter((name) => name === 'fullscreen').length === 2;
  });

  await ann.press('Start');
  await level(page, 'plenty');
  await until('the display counts', async () => (await page.getByRole('timer').textContent()) < '0:11');
  await screenshot({ page }, 'display');
  await server.kill('SIGKILL');
  await statusIs(page, 'Not connected, counted locally');
  assert.equal(await operable(page), 0);
  await server.start();
  await page.locator('html[data-connection="online"]').waitFor({ state: 'attached' });
  await level(page, 'over');
  await statusIs(page, 'Time is up');
  assert.equal(await page.getByRole('timer').textContent(), '0:00');
  await screenshot({ page }, 'display-over');
});

test('the display of a room that does not exist says so', async () => {
  const page = await browser.openPage(server, '/#/display/nowhere');
  await page.locator('[data-display-status]').getByText('This room does not exist').waitFor();
});
