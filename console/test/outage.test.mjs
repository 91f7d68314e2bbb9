/** The server stops while pages are open, and restarts: no command is lost or carried out twice, no time is invented. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openBrowser, screenshot } from './fixture/browser.mjs';
import { startServer } from './fixture/server.mjs';
import { until } from './fixture/until.mjs';

/** Longer than the second by which a displayed time may lag, so that a page that ignores the downtime fails. */
const DOWN_MS = 4_000;

const TOLERANCE_S = 2;

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

test('pages recover after the server is killed and restarted', async () => {
  const one = await browser.open(server, 'outage');
  const two = await browser.open(server, 'outage');
  await one.start('Long work');
  await two.untilSeconds('Long work', (seconds) => seconds >= 2);

  const secondsBefore = await one.seconds('Long work');
  const killedAt = Date.now();
  await server.kill('SIGKILL');
  for (const device of [one, two]) {
    await device.connection('offline');
    await device.card('Long work').getByText('Last known').waitFor();
  }
  const frozen = await two.seconds('Long work');

  await one.start('Started offline');
  await one.press('Long work', 'Attach goal');
  await one.card('Long work').getByLabel('New goal').fill('Offline goal');
  await one.press('Long work', 'Attach');
  await one.page.getByText('2 changes will be sent after reconnecting').waitFor();
  await one.page.getByText('Start “Started offline” will be sent after reconnecting').waitFor();
  assert.equal(await one.card('Started offline').count(), 0, 'a pending start is not displayed as a session');
  await screenshot(one, 'offline');

  await until('the server has been down long enough', () => Date.now() - killedAt > DOWN_MS);
  assert.equal(await two.seconds('Long work'), frozen, 'no time is invented while offline');
  await server.start();

  for (const device of [one, two]) {
    await device.connection('online');
    await device.state('Started offline', 'running');
    await device.goal('Long work', 'Offline goal').waitFor();
    await device.card('Long work').getByText('Last known').waitFor({ state: 'hidden' });
    const expected = secondsBefore + (Date.now() - killedAt) / 1000 - TOLERANCE_S;
    const seconds = await device.untilSeconds('Long work', (seconds) => seconds > frozen);
    assert.ok(seconds >= expected, `shows ${seconds} s, at least ${expected} s have passed`);
  }
  await one.page.getByText('will be sent after reconnecting').first().waitFor({ state: 'hidden' });

  const fresh = await browser.open(server, 'outage');
  await fresh.state('Started offline', 'running');
  assert.equal(await fresh.card('Started offline').count(), 1, 'carried out once');
  assert.equal(await fresh.goal('Long work', 'Offline goal').count(), 1, 'attached once');
});

test('retry now reconnects before the countdown ends', async () => {
  const device = await browser.open(server, 'retry-now', { prepare: (page) => page.clock.install() });
  await device.page.clock.pauseAt(Date.now() + 60_000);
  await server.kill('SIGKILL');
  await device.connection('offline');
  await device.page.getByText(/Next attempt in \d+ seconds?/).waitFor();
  await server.start();
  await device.page.getByRole('button', { name: 'Retry now' }).click();
  await device.connection('online');
});

test('values of a frozen server are marked as last known', async () => {
  const device = await browser.open(server, 'frozen');
  await device.start('Watched');
  await device.untilSeconds('Watched', (seconds) => seconds >= 1);
  server.signal('SIGSTOP');
  try {
    await device.card('Watched').getByText('Last known').waitFor();
    await device.page.locator('[data-chip]').getByText('No ticks').waitFor();
  } finally {
    server.signal('SIGCONT');
  }
  await device.card('Watched').getByText('Last known').waitFor({ state: 'hidden' });
});

test('a command that waits for the connection survives a reload, and is carried out once', async () => {
  let blocked = false;
  const sockets = [];
  const refuse = (socket) => socket.close({ code: 1012, reason: '{"reconnectAfterMs":60000}' });
  const prepare = async (page) => {
    page.on('dialog', (dialog) => dialog.accept());
    await page.routeWebSocket(/\/session\?/, (socket) => {
      if (blocked) return refuse(socket);
      sockets.push(socket);
      return socket.connectToServer();
    });
  };
  const device = await browser.open(server, 'reload', { prepare });
  blocked = true;
  sockets.forEach(refuse);
  await device.connection('offline');
  await device.start('Kept');
  await device.page.getByText('Start “Kept” will be sent after reconnecting').first().waitFor();
  await device.page.reload();
  await device.page.getByText('1 change will be sent after reconnecting').waitFor();
  blocked = false;
  await device.page.getByRole('button', { name: 'Retry now' }).click();
  await device.state('Kept', 'running');
  const other = await browser.open(server, 'reload');
  await other.state('Kept', 'running');
  assert.equal(await other.card('Kept').count(), 1);
});

test('pages reconnect after a graceful restart', async () => {
  const device = await browser.open(server, 'restart');
  await device.start('Through the restart');
  await device.state('Through the restart', 'running');
  await server.kill('SIGTERM');
  await device.page.locator('html:not([data-connection="online"])').waitFor({ state: 'attached' });
  await server.start();
  await device.connection('online');
  await device.state('Through the restart', 'running');
});
