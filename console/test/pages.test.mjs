/** All pages, as they look with real data: accessibility by axe in both colour schemes and sizes, languages, histories. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { openBrowser, screenshot } from './fixture/browser.mjs';
import { archiveDays, focusRecords, importSessions, punchToday, recordEntries } from './fixture/past.mjs';
import { startServer } from './fixture/server.mjs';
import { memberPath, memberToken } from './fixture/studio-member.mjs';
import { until } from './fixture/until.mjs';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

const PHONE = { width: 390, height: 844 };
const DESKTOP = { width: 1280, height: 900 };
const PROJECTOR = { width: 1920, height: 1080 };

/** Rules whose results depend on colours or sizes; the others are checked once for each page. */
const VISUAL_RULES = ['color-contrast', 'target-size', 'scrollable-region-focusable', 'meta-viewport', 'link-in-text-block'];

let server;
let browser;
let axe;

before(async () => {
  server = await startServer({}, null, (stopped) => stopped.importRecords('focus', focusRecords('ada', FOCUS_SESSIONS)));
  browser = await openBrowser();
  axe = await readFile(AXE, 'utf8');
  await importSessions(server, 'ada', SESSIONS);
  await archiveDays(server, 'ada', 9);
  await punchToday(server, 'ada');
  await recordEntries(server, memberToken(7, 1), ENTRIES);
});

after(async () => {
  await browser?.close();
  await server?.close();
});

const LABELS = ['Write the report', 'Reviews', 'Planning', 'E-mail', 'Support', 'Reading', 'Calls'];

const SESSIONS = Array.from({ length: 26 }, (_, daysAgo) => LABELS.filter((_, index) => (daysAgo + index) % 3 !== 0).map((label, index) => ({ label, daysAgo, hours: 0.5 + ((daysAgo * 7 + index * 5) % 8) / 4 }))).flat();

const FOCUS_SESSIONS = Array.from({ length: 12 }, (_, index) => ({ subject: ['Latin', 'Thesis', 'Piano'][index % 3], daysAgo: Math.floor(index / 2), minutes: 20 + index }));

/** The last two run. */
const ENTRIES = Array.from({ length: 14 }, (_, index) => ({
  taskTypeId: (index % 5) + 1,
  projectId: 12 + (index % 3),
  daysAgo: Math.max(0, 12 - index),
  hours: 1 + (index % 4) / 2,
  ...(index % 2 ? { notes: 'Second take, with the new microphone' } : {}),
}));

async function violations(page, rules) {
  const options = rules ? { runOnly: { type: 'rule', values: rules } } : { runOnly: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] } };
  // Colours count after the end of their transitions.
  await page.waitForFunction(() => document.getAnimations().every(({ transitionProperty = '', playState }) => !/color/.test(transitionProperty) || playState === 'finished'));
  const found = await page.evaluate((options) => window.axe.run(document, options), options);
  return found.violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)}\n${failureSummary}`));
}

/** Checks a page in both colour schemes and sizes, and saves a picture of the sizes that people use. */
async function check(page, name) {
  await page.evaluate(axe);
  const found = [];
  for (const [size, viewport] of Object.entries({ phone: PHONE, projector: PROJECTOR, desktop: DESKTOP })) {
    await page.setViewportSize(viewport);
    const { scroll, width } = await page.evaluate(() => ({ scroll: document.documentElement.scrollWidth, width: innerWidth }));
    assert.ok(scroll <= width, `${name} on a ${size}: ${scroll} px of content in ${width} px`);
    if (size !== 'projector') await screenshot({ page }, `${name}-${size}`);
    if (size === 'desktop') continue;
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      const isFirst = size === 'phone' && colorScheme === 'light';
      found.push(...(await violations(page, isFirst ? null : VISUAL_RULES)).map((text) => `${name}, ${size}, ${colorScheme}: ${text}`));
    }
    await page.emulateMedia({ colorScheme: 'light' });
  }
  assert.deepEqual(found, []);
}

test('the timers page', async () => {
  const device = await browser.open(server, 'ada');
  await device.start('Write the quarterly report', { comment: 'Numbers from finance first, then the summary.', goals: 'Collect the figures, First draft, Send to Grace' });
  await device.start('Call with the bank');
  await device.state('Call with the bank', 'running');
  await device.press('Call with the bank', 'Pause');
  await device.state('Call with the bank', 'paused');
  await device.page.locator('[data-history] li').first().waitFor();
  await check(device.page, 'timers');
});

test('the history adds up all sessions, as bars and as a table', async () => {
  const page = await browser.openPage(server, '/?userId=ada#/history');
  await page.locator('.chart canvas').waitFor();
  const hours = SESSIONS.reduce((sum, session) => sum + session.hours, 0);
  await page.getByText(`Total ${Math.floor(hours)}h`).waitFor();
  const table = page.getByRole('region', { name: 'Table of the history' });
  assert.equal(await table.locator('thead th').count(), 8, 'the day, five labels, the others, the sum');
  assert.equal(await table.locator('tbody tr').count(), 27, 'each day, and the sum');
  await check(page, 'history');

  await page.locator('.chart').hover();
  await page.locator('.chart-readout').getByText(/20\d\d: /).waitFor();
  await page.getByLabel('Bars').selectOption('By week');
  await table.getByText('Time by week.').waitFor();
  await page.getByLabel('Period').selectOption('Last 7 days');
  await until('the table has the days', async () => (await table.locator('tbody tr').count()) === 8);
});

test('the rooms page', async () => {
  const ann = await browser.openRoom(server);
  await check(ann.page, 'rooms');
  await ann.create({ name: 'Ann', minutes: 10 });
  await ann.press('Start');
  await ann.phase('running');
  await check(ann.page, 'room');
  const page = await browser.openPage(server, `/${new URL(await ann.page.locator('#display-link').inputValue()).hash}`);
  await page.locator('[data-display][data-level]').waitFor();
  await check(page, 'display');
});

test('the punch clock page', async () => {
  const page = await browser.openPage(server, '/?userId=ada#/punch-clock');
  await page.getByRole('button', { name: 'Clock in' }).click();
  await page.locator('[data-status]').getByText('At work').waitFor();
  await page.locator('.chart canvas').waitFor();
  await check(page, 'punch-clock');
  for (const theme of ['aurora', 'dark']) {
    await page.getByLabel('Theme').selectOption(theme);
    await page.locator(`html[data-theme="${theme}"]`).waitFor({ state: 'attached' });
    assert.deepEqual(await violations(page, VISUAL_RULES), [], theme);
  }
});

test('the focus page', async () => {
  const page = await browser.openPage(server, '/?userId=ada#/focus');
  await page.getByRole('heading', { name: 'Thesis, chapter 2' }).waitFor();
  await page.locator('.focus-session[data-state="active"] .band-active').waitFor({ state: 'attached' });
  await page.locator('.chart canvas').waitFor();
  await check(page, 'focus');
});

test('the studio page', async () => {
  const page = await browser.openPage(server, memberPath(7, 1));
  await page.locator('[data-entry-id]').nth(1).waitFor();
  await page.locator('.entry-table tbody tr').first().waitFor();
  await page.locator('.chart canvas').waitFor();
  await check(page, 'studio');
  await page.getByText('Change task types').click();
  await page.getByRole('button', { name: /^Correct Recording/ }).first().click();
  await page.getByRole('dialog').waitFor();
  assert.deepEqual(await violations(page, null), []);
  await page.keyboard.press('Escape');
  assert.match(await page.evaluate(() => document.activeElement.textContent), /^Correct$/, 'the focus returns to the button');
});

test('the page speaks the language of the browser, and the chosen one after that', async () => {
  const page = await browser.openPage(server, '/?userId=ada#/history', { locale: 'de-AT' });
  await page.getByRole('heading', { name: 'Verlauf' }).waitFor();
  assert.equal(await page.locator('html').getAttribute('lang'), 'de');
  await page.getByLabel('Sprache').selectOption('English');
  await page.getByRole('heading', { name: 'History' }).waitFor();
  await page.getByRole('link', { name: 'Punch clock' }).click();
  await page.getByRole('button', { name: /^Clock/ }).waitFor();
  const form = await browser.visit(`${server.url}/#/punch-clock`);
  await form.getByLabel('User id').fill('ada');
  await form.evaluate(axe);
  assert.deepEqual(await violations(form, null), []);
  await form.getByRole('button', { name: 'Continue' }).click();
  await form.getByRole('button', { name: /^Clock/ }).waitFor();
});
