/** Several devices against one real server: devices of one user show the same, other users see nothing of it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openBrowser, screenshot } from './fixture/browser.mjs';
import { startServer } from './fixture/server.mjs';
import { until } from './fixture/until.mjs';

const OBSERVED_SECONDS = 5;

/** Two pages on one machine receive the same beat at almost the same instant; a difference of a whole second is an error. */
const SKEW_MS_MAX = 900;

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

async function twoDevices(user) {
  return [await browser.open(server, user), await browser.open(server, user)];
}

test('two devices show the same second', async () => {
  const [one, two] = await twoDevices('same-second');
  await one.start('Write the report', { comment: 'Figures first.', goals: 'Collect the figures, First draft\nSend it' });
  for (const device of [one, two]) {
    await device.state('Write the report', 'running');
    for (const title of ['Collect the figures', 'First draft', 'Send it']) await device.goal('Write the report', title).waitFor();
    await device.card('Write the report').getByText('Figures first.').waitFor();
    await device.record('Write the report');
  }
  const first = (await one.seconds('Write the report')) + 2;
  const last = first + OBSERVED_SECONDS;
  for (const device of [one, two]) await device.untilSeconds('Write the report', (seconds) => seconds >= last);

  const [recordedByOne, recordedByTwo] = [await one.recorded(), await two.recorded()];
  for (let second = first; second < last; second++) {
    assert.ok(recordedByOne.has(second) && recordedByTwo.has(second), `both show second ${second}`);
    const skew = Math.abs(recordedByOne.get(second) - recordedByTwo.get(second));
    assert.ok(skew < SKEW_MS_MAX, `second ${second} is displayed ${skew} ms apart`);
  }
  assert.match(await two.page.title(), /^\d\d:\d\d:\d\d · Write the report$/);
});

test('a device that connects later shows the elapsed time', async () => {
  const early = await browser.open(server, 'late-device');
  await early.start('Reading');
  await early.untilSeconds('Reading', (seconds) => seconds >= 2);
  const late = await browser.open(server, 'late-device');
  await late.state('Reading', 'running');
  assert.ok((await late.seconds('Reading')) >= 1);
});

test('pause, resume, stop and start again are displayed on the other device', async () => {
  const [one, two] = await twoDevices('states');
  await one.start('Stand-up');
  await two.state('Stand-up', 'running');
  await two.untilSeconds('Stand-up', (seconds) => seconds >= 1);

  await two.press('Stand-up', 'Pause');
  for (const device of [one, two]) await device.state('Stand-up', 'paused');
  await until('both devices show the same frozen time', async () => (await one.seconds('Stand-up')) === (await two.seconds('Stand-up')));
  const frozen = await one.seconds('Stand-up');

  await one.press('Stand-up', 'Resume');
  for (const device of [one, two]) {
    await device.state('Stand-up', 'running');
    await device.untilSeconds('Stand-up', (seconds) => seconds > frozen);
  }

  await two.press('Stand-up', 'Stop');
  for (const device of [one, two]) {
    await device.state('Stand-up', 'stopped');
    await device.page.locator('[data-history]').getByText('Stand-up').waitFor();
  }
  const total = await one.seconds('Stand-up');

  await one.press('Stand-up', 'Start again');
  for (const device of [one, two]) {
    await device.state('Stand-up', 'running');
    await device.untilSeconds('Stand-up', (seconds) => seconds > total);
  }
});

test('goals are attached, completed and detached on every device', async () => {
  const [one, two] = await twoDevices('goals');
  await one.start('Release', { goals: 'Changelog' });
  await two.attach('Release', 'Tag');
  for (const device of [one, two]) await device.goal('Release', 'Tag').waitFor();

  await one.goal('Release', 'Tag').getByRole('checkbox').check();
  await until('the other device shows the goal as done', () => two.goal('Release', 'Tag').getByRole('checkbox').isChecked());
  assert.equal(await two.goal('Release', 'Changelog').getByRole('checkbox').isChecked(), false);
  await two.goal('Release', 'Tag').getByRole('checkbox').uncheck();
  await until('and as open again', async () => !(await one.goal('Release', 'Tag').getByRole('checkbox').isChecked()));

  await one.goal('Release', 'Changelog').getByRole('button', { name: 'Detach' }).click();
  for (const device of [one, two]) await device.goal('Release', 'Changelog').waitFor({ state: 'detached' });
  assert.equal(await two.goal('Release', 'Tag').count(), 1);
});

test('a removal asks for confirmation and applies to every device', async () => {
  const [one, two] = await twoDevices('removal');
  await one.start('Keep me');
  await one.start('Drop me');
  await two.state('Drop me', 'running');

  await two.press('Drop me', 'Remove');
  await two.press('Drop me', 'Keep');
  await two.remove('Drop me');
  for (const device of [one, two]) {
    await device.card('Drop me').waitFor({ state: 'detached' });
    await device.state('Keep me', 'running');
  }
  await one.remove('Keep me');
  await two.page.getByText('No timers').waitFor();
});

test('another user sees nothing', async () => {
  const mine = await browser.open(server, 'mine');
  const theirs = await browser.open(server, 'theirs');
  await mine.start('Private');
  await mine.state('Private', 'running');
  await theirs.start('Their own');
  await theirs.untilSeconds('Their own', (seconds) => seconds >= 1);
  assert.equal(await theirs.page.locator('[data-session-id]').count(), 1);
  assert.equal(await theirs.card('Private').count(), 0);
  assert.equal(await mine.card('Their own').count(), 0);
});

test('the history can be downloaded as CSV', async () => {
  const device = await browser.open(server, 'csv');
  await device.start('Filed');
  await device.press('Filed', 'Stop');
  await device.page.locator('[data-history]').getByText('Filed').waitFor();
  const download = device.page.waitForEvent('download');
  await device.page.getByRole('link', { name: 'Download CSV' }).click();
  assert.equal(await (await download).failure(), null);
});

test('a page without a user id asks for one and stores it', async () => {
  const device = await browser.open(server, '', { search: '', online: false });
  const field = device.page.getByLabel('User id');
  assert.equal(await field.inputValue(), 'me');
  await field.fill('newcomer');
  await device.page.getByRole('button', { name: 'Continue' }).click();
  await device.connection('online');
  await device.page.goto(`${server.url}/`);
  await device.connection('online');
  await device.page.getByText('newcomer').waitFor();

  await device.page.getByText('Switch user').click();
  await device.page.getByLabel('User id').fill('someone-else');
  await device.page.getByRole('button', { name: 'Switch' }).click();
  await device.page.getByText('someone-else').waitFor();
  await device.connection('online');
});

async function takeScreenshots() {
  const device = await browser.open(server, 'Ada');
  await screenshot(device, 'empty');
  await device.start('Write the quarterly report', {
    comment: 'Numbers from finance first, then the summary.',
    goals: 'Collect the figures, First draft, Send to Grace',
  });
  await device.start('Call with the bank');
  await device.state('Call with the bank', 'running');
  await device.press('Call with the bank', 'Pause');
  await device.state('Call with the bank', 'paused');
  await device.goal('Write the quarterly report', 'Collect the figures').getByRole('checkbox').check();
  await device.untilSeconds('Write the quarterly report', (seconds) => seconds >= 12);
  await screenshot(device, 'desktop');
  await screenshot(await browser.open(server, 'Ada', { colorScheme: 'dark' }), 'dark');
  await screenshot(await browser.open(server, 'Ada', { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2 }), 'phone');
}

if (process.env.SCREENSHOTS) test('screenshots are taken', takeScreenshots);
