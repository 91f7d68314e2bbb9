/** Accessibility and robustness: keyboard, screen reader, phone, hostile text, refused connections, errors. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openBrowser } from './fixture/browser.mjs';
import { startServer } from './fixture/server.mjs';

const TABS_MAX = 40;
const TARGET_PX = 44;
const PHONE = { viewport: { width: 360, height: 740 } };

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

async function tabTo(device, name) {
  const visited = [];
  for (let i = 0; i < TABS_MAX; i++) {
    const focused = await device.focused();
    if (name.test(focused.name)) return focused;
    visited.push(focused.name);
    await device.page.keyboard.press('Tab');
  }
  throw new Error(`Tab did not reach ${name}; it visited ${visited.join(' | ')}`);
}

test('a session is started, paused, stopped and removed with the keyboard', async () => {
  const device = await browser.open(server, 'keyboard');
  await tabTo(device, /^What are you timing/);
  await device.page.keyboard.type('By hand');
  await device.page.keyboard.press('Enter');
  await device.state('By hand', 'running');

  await tabTo(device, /^Pause/);
  const secondsBefore = await device.seconds('By hand');
  await device.untilSeconds('By hand', (seconds) => seconds > secondsBefore + 1);
  assert.match((await device.focused()).name, /^Pause/, 'ticks do not move the focus');
  await device.page.keyboard.press('Enter');
  await device.state('By hand', 'paused');
  assert.match((await device.focused()).name, /^Resume/, 'the same button has a new name');

  await tabTo(device, /^Stop/);
  await device.page.keyboard.press('Enter');
  await device.state('By hand', 'stopped');
  assert.ok((await device.focused()).session, 'the focus stays in the session');

  await tabTo(device, /^Remove/);
  await device.page.keyboard.press('Enter');
  assert.equal((await device.focused()).name, 'Keep', 'the safe choice has the focus');
  await device.page.keyboard.press('Shift+Tab');
  await device.page.keyboard.press('Enter');
  await device.card('By hand').waitFor({ state: 'detached' });
  assert.notEqual((await device.focused()).tag, 'body', 'the focus moves when its session is removed');
});

test('a button keeps the focus when another device changes it', async () => {
  const one = await browser.open(server, 'focus');
  const two = await browser.open(server, 'focus');
  await one.start('Shared');
  await one.start('Neighbour');
  await one.button('Shared', 'Pause').focus();
  await two.press('Shared', 'Pause');
  await one.state('Shared', 'paused');
  assert.match((await one.focused()).name, /^Resume Shared/);
  await two.remove('Shared');
  await one.card('Shared').waitFor({ state: 'detached' });
  assert.equal((await one.focused()).name, 'Neighbour');
});

test('changes are announced, ticks are not', async () => {
  const one = await browser.open(server, 'announced');
  const two = await browser.open(server, 'announced');
  await one.start('Observed');
  const announcer = two.page.locator('[data-announcer]');
  await announcer.filter({ hasText: 'Observed is running.' }).waitFor({ state: 'attached' });
  const text = await announcer.textContent();
  await two.untilSeconds('Observed', (seconds) => seconds >= 2);
  assert.equal(await announcer.textContent(), text);
  assert.equal(await two.card('Observed').locator('[aria-live]').count(), 0);
  await one.press('Observed', 'Pause');
  await announcer.filter({ hasText: /Observed paused at \d\d:\d\d:\d\d\./ }).waitFor({ state: 'attached' });
});

test('a phone needs no horizontal scrolling, and every target is large enough', async () => {
  const device = await browser.open(server, 'phone', PHONE);
  await device.start(`Long${'word'.repeat(40)}`, { comment: `http://${'x'.repeat(200)}`, goals: `${'goal'.repeat(40)}, Short` });
  await device.start('Second');
  await device.state('Second', 'running');
  await device.openDetails();
  await device.press('Second', 'Attach goal');
  await device.press('Second', 'Remove');
  await device.page.getByText('Switch user').click();
  const { scroll, width } = await device.page.evaluate(() => ({ scroll: document.documentElement.scrollWidth, width: innerWidth }));
  assert.ok(scroll <= width, `${scroll} px of content in ${width} px`);

  const small = await device.page.evaluate((minHeight) => {
    const targets = document.querySelectorAll('button, input:not([type="checkbox"]), textarea, summary, main a, label:has(input)');
    return [...targets]
      .filter((node) => node.checkVisibility() && node.getBoundingClientRect().height < minHeight)
      .map((node) => node.outerHTML.slice(0, 120));
  }, TARGET_PX);
  assert.deepEqual(small, []);
});

test('markup in user input is displayed as text', async () => {
  const markup = '<img src=x onerror="document.title=1"><b>bold</b>';
  const device = await browser.open(server, '<i>me</i>');
  await device.start(markup, { comment: markup, goals: markup });
  await device.state(markup, 'running');
  await device.goal(markup, markup).waitFor();
  assert.equal(await device.card(markup).locator('img, b').count(), 0);
  assert.equal(await device.page.locator('[data-user] i').count(), 0);
  await device.press(markup, 'Stop');
  await device.page.locator('[data-history]').getByText(markup).waitFor();
  assert.equal(await device.page.locator('[data-history] :is(img, b)').count(), 0);
});

test('a refused connection is reported and not retried', async () => {
  let attempts = 0;
  const prepare = (page) =>
    page.routeWebSocket(/\/session\?/, (socket) => {
      attempts += 1;
      socket.close({ code: 4401, reason: 'Unauthorized' });
    });
  const device = await browser.open(server, 'refused', { prepare, online: false });
  await device.page.locator('[data-offline-bar]').getByText('Not authorised').waitFor();
  await device.connection('offline');
  assert.equal(await device.page.getByText(/Next attempt/).count(), 0);
  assert.equal(attempts, 1);
  await device.page.getByRole('button', { name: 'Try again' }).click();
  await device.page.locator('[data-offline-bar]').getByText('Not authorised').waitFor();
});

test('a token identifies the user, and is in no URL of a socket', async () => {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  // Without keys, a server in the mode `trusted` reads the claims of a token without verifying it.
  const token = `${encode({ alg: 'HS256' })}.${encode({ sub: 'by-token', exp: 4_000_000_000 })}.x`;
  const urls = [];
  const prepare = (page) => page.on('websocket', (socket) => urls.push(socket.url()));
  const device = await browser.open(server, '', { search: `?token=${token}`, prepare });
  await device.page.getByText('Signed in by link').waitFor();
  const { client, ...others } = Object.fromEntries(new URL(urls[0]).searchParams);
  assert.deepEqual(others, { dialect: 'v1' });
  assert.match(client, /^[0-9a-f-]{36}$/);
  await device.start('Signed in');
  const same = await browser.open(server, 'by-token');
  await same.state('Signed in', 'running');
});

test('an error is displayed and can be dismissed', async () => {
  const prepare = (page) =>
    page.routeWebSocket(/\/session\?/, (socket) => {
      const upstream = socket.connectToServer();
      socket.onMessage((text) => {
        const { id, type } = JSON.parse(text);
        if (type !== 'session-start') return upstream.send(text);
        socket.send(JSON.stringify({ type: 'error', id, payload: { code: 'limit', message: 'too many', retry: false } }));
      });
    });
  const device = await browser.open(server, 'limited', { prepare });
  await device.start('One too many');
  const notice = device.page.locator('[data-notice]');
  await notice.getByText('Start “One too many”: a limit of the server has been reached.').waitFor();
  await notice.getByRole('button', { name: 'Dismiss' }).click();
  await notice.waitFor({ state: 'detached' });
});

test('a command whose answer was lost is carried out once', async () => {
  let dropNextAck = true;
  const sent = [];
  const prepare = (page) =>
    page.routeWebSocket(/\/session\?/, (socket) => {
      const upstream = socket.connectToServer();
      socket.onMessage((text) => {
        const { id, type } = JSON.parse(text);
        if (type !== 'time-ping') sent.push(id);
        upstream.send(text);
      });
      upstream.onMessage((text) => {
        if (dropNextAck && JSON.parse(text).type === 'ack') {
          dropNextAck = false;
          return socket.close({ code: 1012, reason: '{"reconnectAfterMs":50}' });
        }
        socket.send(text);
      });
    });
  const device = await browser.open(server, 'lost-answer', { prepare });
  await device.start('Only one');
  await device.connection('online');
  await device.state('Only one', 'running');
  await device.page.locator('.start [data-pending]:empty').waitFor({ state: 'attached' });
  assert.equal(await device.card('Only one').count(), 1);
  assert.deepEqual(sent, [sent[0], sent[0]]);
});

test('only the pages of enabled systems are offered', async () => {
  const some = await startServer({ TICKCAST__CLOCKIT__ENABLED: 'false', TICKCAST__FOCUS__ENABLED: 'false' });
  try {
    const page = await browser.openPage(some, '/');
    assert.equal(new URL(page.url()).hash, '#/rooms', 'the first page that is offered');
    const links = page.getByRole('navigation', { name: 'Pages' }).getByRole('link');
    assert.deepEqual(await links.allTextContents(), ['Rooms', 'Studio', 'Punch clock']);
    await page.evaluate(() => (location.hash = '#/focus'));
    await page.getByText('This server does not offer this page.').waitFor();
  } finally {
    await some.close();
  }
});
