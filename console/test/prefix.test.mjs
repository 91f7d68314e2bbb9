/** The page below a path prefix, behind nginx, and its Content Security Policy. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { openBrowser } from './fixture/browser.mjs';
import { startNginx } from './fixture/nginx.mjs';
import { startServer } from './fixture/server.mjs';
import { memberPath } from './fixture/studio-member.mjs';
import { until } from './fixture/until.mjs';

let server;
let nginx;
let browser;

before(async () => {
  server = await startServer();
  nginx = await startNginx(server);
  browser = await openBrowser();
});

after(async () => {
  await browser?.close();
  await nginx?.close();
  await server?.close();
});

/** Records the paths of all requests of a page and of its sockets, and the answers that are no success. */
function recordRequests(record) {
  return (page) => {
    page.on('request', (request) => record.paths.push(new URL(request.url()).pathname));
    page.on('websocket', (socket) => record.paths.push(new URL(socket.url()).pathname));
    page.on('response', (response) => response.status() >= 400 && record.failed.push(response.url()));
  };
}

test('the timers page works below a prefix', async () => {
  const record = { paths: [], failed: [] };
  const device = await browser.open(nginx, 'ann', { prepare: recordRequests(record) });
  await device.start('Below a prefix');
  await device.untilSeconds('Below a prefix', (seconds) => seconds > 1);
  await device.press('Below a prefix', 'Stop');
  await device.page.locator('[data-history]').getByText('Below a prefix').waitFor();
  const [download] = await Promise.all([
    device.page.waitForEvent('download'),
    device.page.getByRole('link', { name: 'Download CSV' }).click(),
  ]);
  assert.equal(await download.failure(), null);

  await device.page.getByText('Switch user').click();
  await device.page.getByLabel('User id').fill('ben');
  await device.page.getByRole('button', { name: 'Switch', exact: true }).click();
  await device.page.waitForURL(`${nginx.url}/?userId=ben`);
  await device.connection('online');
  assert.deepEqual(record.failed, []);
  assert.deepEqual(record.paths.filter((path) => !path.startsWith('/timers/')), []);
  for (const path of ['session', 'sessions', 'app.js', 'styles/base.css']) {
    assert.ok(record.paths.includes(`/timers/${path}`), `${path} is requested`);
  }
});

test('the pages of all systems work below a prefix', async () => {
  const record = { paths: [], failed: [] };
  const page = await browser.openPage(nginx, '/?userId=ann#/history', { prepare: recordRequests(record) });
  await page.getByText('Total').first().waitFor();
  await page.getByRole('link', { name: 'Punch clock' }).click();
  await page.getByRole('button', { name: 'Clock in' }).click();
  await page.locator('[data-status]').getByText('At work').waitFor();
  await page.getByRole('link', { name: 'Focus' }).click();
  await page.getByRole('button', { name: 'Start focusing' }).click();
  await page.locator('.focus-session[data-state="active"]').waitFor();
  assert.deepEqual(record.failed, []);
  await page.goto(`${nginx.url}${memberPath(7, 1)}`);
  await page.locator('#studio-start-number').fill('12');
  await page.getByRole('button', { name: 'Start Mixing' }).click();
  await page.locator('[data-entry-id]').waitFor();
  assert.deepEqual(record.failed, []);
  assert.deepEqual(record.paths.filter((path) => !path.startsWith('/timers/')), []);
  for (const path of ['lib/uplot/uPlot.esm.js', 'api/session/live', 'ws/sessions', 'api/trpc/timeTracking.timer.start']) {
    assert.ok(record.paths.includes(`/timers/${path}`), `${path} is requested`);
  }
});

test('a link to a room works below a prefix', async () => {
  const record = { paths: [], failed: [] };
  const ann = await browser.openRoom(nginx, undefined, { prepare: recordRequests(record) });
  const link = await ann.create({ name: 'Ann', minutes: 10 });
  assert.ok(link.startsWith(`${nginx.url}/#/room/`), link);
  const ben = await browser.openRoom(nginx, link);
  await ben.press('Start');
  await ann.phase('running');
  assert.deepEqual(record.failed, []);
  for (const path of ['socket.io/', 'timesync', 'rooms/page.css']) {
    assert.ok(record.paths.includes(`/timers/${path}`), `${path} is requested`);
  }
});

test('the prefix without its slash leads to the page', async () => {
  const device = await browser.open({ url: nginx.url.replace(/\/timers$/, '') }, 'ann', { search: 'timers?userId=ann' });
  assert.equal(new URL(device.page.url()).pathname, '/timers/');
});

test('another page cannot embed the console', async () => {
  const embedding = createServer((_, response) => {
    response.setHeader('content-type', 'text/html');
    response.end(`<iframe src="${server.url}/?userId=ann"></iframe><iframe src="${server.url}/api/health"></iframe>`);
  }).listen(0, '127.0.0.1');
  await once(embedding, 'listening');
  const page = await browser.visit(`http://127.0.0.1:${embedding.address().port}`);
  const urls = () => page.frames().map((frame) => frame.url());
  await until('both frames are loaded or blocked', () => urls().every((url) => url !== '' && url !== 'about:blank'));
  assert.ok(urls().includes(`${server.url}/api/health`), urls());
  assert.ok(!urls().some((url) => url.startsWith(`${server.url}/?`)), urls());
  embedding.close();
});
