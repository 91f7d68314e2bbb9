/** The focus page: a session is counted, is idle without input, is paused on another device, and is scored. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openBrowser } from './fixture/browser.mjs';
import { startServer } from './fixture/server.mjs';
import { until } from './fixture/until.mjs';

const PATH = '/?userId=ann#/focus';

let server;
let browser;

before(async () => {
  server = await startServer({ TICKCAST__FOCUS__IDLE_AFTER: '2s' });
  browser = await openBrowser();
});

after(async () => {
  await browser?.close();
  await server?.close();
});

const state = (page, name) => page.locator(`.focus-session[data-state="${name}"]`).waitFor();

test('a session is active, idle, paused, and completed with a score', async () => {
  const page = await browser.openPage(server, PATH);
  await page.getByText('Complete a session today to begin a streak.').waitFor();
  await page.getByLabel('What do you focus on?').fill('Latin');
  await page.getByLabel('Minutes').fill('1');
  await page.getByRole('button', { name: 'Start focusing' }).dblclick();
  await page.getByRole('heading', { name: 'Latin' }).waitFor();
  await state(page, 'active');
  assert.equal(await page.locator('[data-notice]').count(), 0, 'a double click starts one session');
  await state(page, 'idle');
  await page.locator('.band-idle').waitFor({ state: 'attached' });
  await page.mouse.move(300, 300);
  await page.mouse.move(320, 300);
  await state(page, 'active');
  await page.getByRole('img', { name: /active, .* idle/ }).waitFor();
  const score = page.locator('table.score');
  await until('the score grows', async () => /[1-9]\d* points?/.test(await score.locator('.score-total').textContent()));

  const other = await browser.openPage(server, PATH);
  await other.getByRole('button', { name: 'Pause' }).click();
  await state(page, 'paused');
  await page.getByRole('button', { name: 'Continue' }).click();
  await state(page, 'active');
  await page.getByRole('button', { name: 'Complete' }).click();
  await state(page, 'completed');
  await page.locator('[data-streak]').getByText('1 day', { exact: true }).waitFor();
  await page.getByRole('listitem').filter({ hasText: 'Latin' }).getByText(/points?/).waitFor();
  await page.getByRole('button', { name: 'Start focusing' }).waitFor();

  await page.getByRole('button', { name: 'Delete Latin' }).click();
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Keep', 'the safe choice has the focus');
  const read = page.waitForResponse((response) => new URL(response.url()).pathname.endsWith('/sessions'));
  await page.getByLabel('Period').selectOption('Last 7 days');
  await (await read).finished();
  await page.getByRole('button', { name: 'Delete permanently' }).click();
  await page.getByText('Ended sessions appear here.').first().waitFor();
});
