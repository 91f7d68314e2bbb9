/** The punch clock page on two devices: punches, an outage, settings, the week and the archive. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import jwt from 'next-auth/jwt';
import { openBrowser } from './fixture/browser.mjs';
import { archiveDays } from './fixture/past.mjs';
import { storedPunches, untilStored } from './fixture/punches.mjs';
import { startServer } from './fixture/server.mjs';
import { until } from './fixture/until.mjs';

const ANN = { search: '?userId=ann' };

const PATH = `/${ANN.search}#/punch-clock`;

const ARCHIVED_DAYS = 12;

const SECRET = 'the secret of a next-auth server';

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

const status = (page, text) => page.locator('[data-status]').getByText(text, { exact: true }).waitFor();
const press = (page, name) => page.getByRole('button', { name, exact: true }).click();
const punches = (page) => page.locator('.punch');

test('punches are shown on every device, and those of an outage keep their times', async () => {
  const one = await browser.openPage(server, PATH);
  const two = await browser.openPage(server, PATH);
  await status(one, 'Not clocked in today');
  await one.getByRole('button', { name: 'Clock in' }).focus();
  await one.keyboard.press('Enter');
  for (const page of [one, two]) await status(page, 'At work');
  assert.equal(await one.evaluate(() => document.activeElement.textContent), 'Clock out', 'the same button has a new name, and keeps the focus');
  await until('the work counts', async () => (await two.locator('[data-work]').textContent()) >= '00:00:02');

  await server.kill('SIGKILL');
  await one.locator('html[data-connection="offline"]').waitFor({ state: 'attached' });
  await press(one, 'Clock out');
  await status(one, 'Clocked out');
  await one.getByText('1 punch waits for the server. It keeps its time.').waitFor();
  await one.locator('.punch').first().getByText('Waiting to be sent').waitFor();
  const workWhenOut = await one.locator('[data-work]').textContent();
  await server.start();
  for (const page of [one, two]) {
    await page.locator('html[data-connection="online"]').waitFor({ state: 'attached' });
    await status(page, 'Clocked out');
  }
  await untilStored(server, ANN, 'IN', 'OUT');
  assert.equal(await two.locator('[data-work]').textContent(), workWhenOut, 'the punch counts from when it was made');
  assert.equal(await punches(two).count(), 2);
});

test('a punch that the server cannot store survives a reload', async () => {
  const page = await browser.openPage(server, PATH);
  const isPost = (request) => request.method() === 'POST' && new URL(request.url()).pathname === '/api/session';
  const fail = (route) => (isPost(route.request()) ? route.fulfill({ status: 503, json: { error: 'Failed to update session' } }) : route.continue());
  await page.route('**/api/session?*', fail);
  await press(page, 'Clock in');
  await page.getByText('1 punch waits for the server.').waitFor();
  await page.reload();
  await status(page, 'At work');
  assert.deepEqual(await storedPunches(server, ANN), ['IN', 'OUT']);
  await page.unroute('**/api/session?*', fail);
  await untilStored(server, ANN, 'IN', 'OUT', 'IN');
  await page.getByText('1 punch waits for the server.').waitFor({ state: 'hidden' });
});

test('zone, theme, target and the deletion of the day', async () => {
  const page = await browser.openPage(server, PATH);
  await page.getByLabel('Days begin at midnight in').selectOption('Pacific/Honolulu');
  await press(page, 'Set zone');
  await page.getByText('Days begin at midnight in Pacific/Honolulu.').waitFor();
  await page.getByLabel('Theme').selectOption('aurora');
  await page.locator('html[data-theme="aurora"]').waitFor({ state: 'attached' });
  await page.getByLabel('Target for a day').fill('6');
  await page.getByLabel('Target for a day').press('Tab');
  await page.locator('.today-target').getByText('of 6h').waitFor();

  await press(page, 'Delete today’s punches');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Keep', 'the safe choice has the focus');
  await press(page, 'Delete punches');
  await status(page, 'Not clocked in today');
  await untilStored(server, ANN);
});

test('archived days are listed page by page, counted in the week, and exported', async () => {
  await archiveDays(server, 'ben', ARCHIVED_DAYS);
  const page = await browser.openPage(server, '/?userId=ben#/punch-clock');
  const rows = page.getByRole('region', { name: 'Archived days' }).locator('tbody tr');
  await until('the first page is shown', async () => (await rows.count()) === 10);
  await page.getByText('Page 1 of 2').waitFor();
  await press(page, 'Older');
  await page.getByText('Page 2 of 2').waitFor();
  assert.equal(await rows.count(), ARCHIVED_DAYS - 10);
  assert.match(await rows.first().textContent(), /8h/);
  await page.getByText(/^Total 9\dh/).waitFor();

  const [download] = await Promise.all([page.waitForEvent('download'), press(page, 'Download CSV')]);
  const lines = (await readFile(await download.path(), 'utf8')).trim().split('\r\n');
  assert.equal(lines.length, ARCHIVED_DAYS + 1);
  assert.match(lines[1], /^\d{4}-\d\d-\d\d,\d{4}-.*Z,\d{4}-.*Z,480,30$/);
});

test('a page that is part of a website uses its login', async () => {
  const site = await startServer({ TICKCAST__AUTH__MODES: 'next-auth', TICKCAST__AUTH__NEXT_AUTH__SECRET: SECRET });
  const token = await jwt.encode({ token: { sub: 'cem' }, secret: SECRET });
  const page = await browser.visit(`${site.url}/#/punch-clock`);
  await page.context().addCookies([{ name: 'next-auth.session-token', value: token, url: site.url, httpOnly: true, sameSite: 'Lax' }]);
  await page.getByRole('link', { name: 'Use the login of the website' }).click();
  await press(page, 'Clock in');
  await status(page, 'At work');
  await page.getByText('Login of the website').waitFor();
  const cookie = `next-auth.session-token=${token}`;
  await untilStored(site, { cookie }, 'IN');
  const { data } = await (await fetch(`${site.url}/api/session`, { headers: { cookie } })).json();
  assert.equal(data.userId, 'cem');
  await page.context().close();
  await site.close();
});
