/** The server dies under open pages and comes back: nothing is lost, nothing happens twice, nothing is made up. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openBrowser, shoot } from './fixture/browser.mjs';
import { startServer } from './fixture/server.mjs';
import { until } from './fixture/until.mjs';

/** Longer than the second by which a shown time may lag, so that a forgotten downtime is seen. */
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

test('a killed server comes back, and every page with it', async () => {
  const one = await browser.open(server, 'outage');
  const two = await browser.open(server, 'outage');
  await one.start('Long work');
  await two.untilSeconds('Long work', (seconds) => seconds >= 2);

  const shownBefore = await one.seconds('Long work');
  const killedAt = Date.now();
  await server.kill('SIGKILL');
  for (const device of [one, two]) {
    await device.connection('offline');
    await device.card('Long work').getByText('Last known').waitFor();
  }
  const frozen = await two.seconds('Long work');

  await one.start('Begun offline');
  await one.press('Long work', 'Attach goal');
  await one.card('Long work').getByLabel('New goal').fill('Offline goal');
  await one.press('Long work', 'Attach');
  await one.page.getByText('2 changes will be sent when back').waitFor();
  await one.page.getByText('Start “Begun offline” will be sent when back').waitFor();
  assert.equal(await one.card('Begun offline').count(), 0, 'nothing is shown as if it had happened');
  await shoot(one, 'offline');

  await until('the server has been down long enough', () => Date.now() - killedAt > DOWN_MS);
  assert.equal(await two.seconds('Long work'), frozen, 'no time is made up while the link is down');
  await server.start();

  for (const device of [one, two]) {
    await device.connection('online');
    await device.state('Begun offline', 'running');
    await device.goal('Long work', 'Offline goal').waitFor();
    await device.card('Long work').getByText('Last known').waitFor({ state: 'hidden' });
    const expected = shownBefore + (Date.now() - killedAt) / 1000 - TOLERANCE_S;
    const shown = await device.untilSeconds('Long work', (seconds) => seconds > frozen);
    assert.ok(shown >= expected, `shows ${shown} s, at least ${expected} s have passed`);
  }
  await one.page.getByText('will be sent when back').first().waitFor({ state: 'hidden' });

  const fresh = await browser.open(server, 'outage');
  await fresh.state('Begun offline', 'running');
  assert.equal(await fresh.card('Begun offline').count(), 1, 'carried out once');
  assert.equal(await fresh.goal('Long work', 'Offline goal').count(), 1, 'attached once');
});

test('retry now does not wait for the countdown', async () => {
  const device = await browser.open(server, 'impatient', { prepare: (page) => page.clock.install() });
  await device.page.clock.pauseAt(Date.now() + 60_000);
  await server.kill('SIGKILL');
  await device.connection('offline');
  await device.page.getByText(/Next try in \d+ seconds?/).waitFor();
  await server.start();
  await device.page.getByRole('button', { name: 'Retry now' }).click();
  await device.connection('online');
});

test('a server that has frozen is not believed to be live', async () => {
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

test('a restart in good order is followed too', async () => {
  const device = await browser.open(server, 'restart');
  await device.start('Through the restart');
  await device.state('Through the restart', 'running');
  await server.kill('SIGTERM');
  await device.page.locator('html:not([data-connection="online"])').waitFor({ state: 'attached' });
  await server.start();
  await device.connection('online');
  await device.state('Through the restart', 'running');
});
