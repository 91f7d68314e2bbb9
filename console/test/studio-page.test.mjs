/** The studio page of two members: a start, a correction and a stop are displayed at once; the list and its export. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { openBrowser } from './fixture/browser.mjs';
import { startServer } from './fixture/server.mjs';
import { memberPath } from './fixture/studio-member.mjs';
import { until } from './fixture/until.mjs';

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

const running = (page) => page.locator('[data-entry-id]');
const rows = (page) => page.locator('.entry-table tbody tr');

/** Returns an instant as the value of a field, in the zone of this machine, which the browser has too. */
function fieldValue(instant) {
  const date = new Date(instant);
  return new Date(date.getTime() - date.getTimezoneOffset() * MINUTE_MS).toISOString().slice(0, 19);
}

/** Runs in the browser: sets the clock of the page back by a day, until `beginToday` is called. */
function loadYesterday() {
  const { now } = Date;
  Date.now = () => now() - 86_400_000;
  window.beginToday = () => (Date.now = now);
}

test('an entry is started, corrected and stopped, and both members see its cost', async () => {
  const one = await browser.openPage(server, memberPath(7, 1));
  const two = await browser.openPage(server, memberPath(8, 1));
  await one.getByText('Nobody is timing anything.').waitFor();
  await one.getByRole('button', { name: 'Start Recording' }).click();
  assert.equal(await running(one).count(), 0, 'an entry belongs to something');
  await one.locator('#studio-start-number').fill('12');
  await one.getByRole('textbox', { name: 'Notes' }).first().fill('Second take');
  await one.getByRole('button', { name: 'Start Recording' }).click();
  for (const page of [one, two]) await running(page).getByText('Recording', { exact: true }).waitFor();
  await running(one).getByText('Second take').waitFor();
  await rows(two).getByText('running').waitFor();
  const colour = await running(one).evaluate((node) => getComputedStyle(node).borderLeftColor);
  assert.notEqual(colour, await running(one).evaluate((node) => getComputedStyle(node).borderTopColor), 'the entry has the colour of its type');

  await two.getByRole('button', { name: 'Correct Recording, Project 12' }).click();
  const dialog = two.getByRole('dialog', { name: 'Correct an entry' });
  await dialog.getByLabel('End').fill(fieldValue(Date.now() - 60 * MINUTE_MS));
  await dialog.getByRole('button', { name: 'Save' }).click();
  assert.equal(await dialog.getByLabel('End').evaluate((node) => node.validationMessage), 'The end is before the start.');
  await dialog.getByLabel('End').fill('');
  await dialog.getByLabel('Start').fill(fieldValue(Date.now() - 30 * MINUTE_MS));
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.waitFor({ state: 'hidden' });
  for (const page of [one, two]) {
    await until('the entry has run for half an hour', async () => /^00:30:/.test(await running(page).getByRole('timer').textContent()));
    await running(page).getByText('$37.50').waitFor();
  }

  await one.getByRole('button', { name: 'Stop Recording, Project 12' }).click();
  for (const page of [one, two]) await running(page).waitFor({ state: 'detached' });
  for (const page of [one, two]) await page.locator('[data-total]').getByText('0.5h, $37.50').waitFor();
  assert.match(await rows(two).first().textContent(), /Recording.*Project 12.*30m.*corrected.*\$37\.50/);

  const button = rows(two).getByRole('button', { name: 'Correct Recording' });
  await button.focus();
  await one.getByRole('button', { name: 'Start Mixing' }).click();
  await one.getByRole('button', { name: 'Stop Mixing, Project 12' }).click();
  await until('the other entry is listed', async () => (await rows(two).count()) === 2);
  assert.ok(await button.evaluate((node) => node === document.activeElement), 'the focus stays while others work');
});

test('a correction of the notes leaves a start on a whole minute as it is, and a double click starts one entry', async () => {
  const page = await browser.openPage(server, memberPath(9, 4));
  await page.locator('#studio-start-number').fill('3');
  await page.getByRole('button', { name: 'Start Recording' }).dblclick();
  const dialog = page.getByRole('dialog', { name: 'Correct an entry' });
  const correct = async (label, value) => {
    await page.getByRole('button', { name: 'Correct Recording, Project 3' }).click();
    await dialog.getByLabel(label).fill(value);
    const sent = page.waitForRequest((request) => request.url().includes('timeEntries.adjust'));
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.waitFor({ state: 'hidden' });
    return JSON.stringify((await sent).postDataJSON());
  };
  const hourAgo = Math.floor(Date.now() / MINUTE_MS - 60) * MINUTE_MS;
  assert.match(await correct('Start', fieldValue(hourAgo).slice(0, -':00'.length)), /"startTime"/);
  await running(page).getByRole('timer').getByText(/^01:0/).waitFor();
  assert.doesNotMatch(await correct('Notes', 'Third take'), /Time"/);
  await running(page).getByText('Third take').waitFor();
  assert.equal(await page.locator('[data-notice]').count(), 0, 'the second click of the double click is no second start');
});

test('entries are filtered, also on a page that is open over midnight, and exported as they are filtered', async () => {
  const prepare = (page) => page.addInitScript(loadYesterday);
  const page = await browser.openPage(server, memberPath(9, 2), { prepare });
  await page.getByText('No entries match.').first().waitFor();
  await page.evaluate(() => window.beginToday());
  for (const [name, number] of [['Mixing', '1'], ['Break', '2']]) {
    await page.locator('#studio-start-number').fill(number);
    await page.getByRole('button', { name: `Start ${name}` }).click();
    await page.getByRole('button', { name: `Stop ${name}, Project ${number}` }).click();
    await until(`${name} is listed`, async () => (await rows(page).allTextContents()).some((text) => text.includes(name)));
  }
  await page.locator('.history-chart').getByText('There is no time in this period.').waitFor();
  await page.getByRole('checkbox', { name: 'Break' }).check();
  await until('only breaks are listed', async () => (await rows(page).count()) === 1);
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download CSV' }).click()]);
  const lines = (await readFile(await download.path(), 'utf8')).trim().split('\r\n');
  assert.equal(lines.length, 2);
  assert.match(lines[1], /,Break,,2,,/);
  await page.locator('#filter-number').fill('1');
  await page.locator('#filter-number').press('Tab');
  await page.getByText('No entries match.').waitFor();
});

test('a task type is added and switched off', async () => {
  const page = await browser.openPage(server, memberPath(9, 3));
  await page.getByText('Change task types').click();
  await page.getByRole('button', { name: 'New task type' }).click();
  const dialog = page.getByRole('dialog', { name: 'Task type' });
  await dialog.getByLabel('Name').fill('Restoration');
  await dialog.getByLabel('Price of an hour').fill('45.5');
  await dialog.getByRole('button', { name: 'Save' }).dblclick();
  await page.getByRole('button', { name: 'Start Restoration $45.50 per hour' }).waitFor();
  await page.getByRole('button', { name: 'Edit Setup' }).click();
  await dialog.getByLabel('Can be started').uncheck();
  await dialog.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('button', { name: 'Start Setup' }).waitFor({ state: 'detached' });
  await page.locator('.type-row', { hasText: 'Setup' }).getByText('switched off').waitFor();
  assert.equal(await page.locator('.type-row', { hasText: 'Restoration' }).count(), 1, 'a double click saves once');
});

test('a login without an organisation is told what is missing', async () => {
  const page = await browser.visit(`${server.url}/?userId=ann#/studio`);
  await page.getByText('Studio needs a login with an organisation').first().waitFor();
});
