/** The hooks in several tabs against a real server: TICKCAST_BIN is the path of the binary. */
import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { transform } from 'esbuild';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';
import { startServer } from '../../../console/test/fixture/server.mjs';
import { until } from '../../../console/test/fixture/until.mjs';
import { definePage } from './fixture/react.mjs';

definePage();
globalThis.IS_REACT_ACT_ENVIRONMENT = false;
const { createElement: h, StrictMode } = await import('react');
const { createRoot } = await import('react-dom/client');
const { TickcastProvider, useCreateRoom, useRealtimeTimer, useRoom, useSessionManager, useStopwatches } = await import('../dist/index.js');
const { defaultPlatform } = await import('@tickcast/client');

/** How far the clocks of the devices are off, in ms. */
const CLOCKS = { exact: 0, ahead: 90_000, behind: -90_000 };

/** The requests by which a tab measures the time of the server. */
const SAMPLES = 5;

let server;
const tabs = [];

before(async () => {
  server = await startServer();
});

after(async () => {
  tabs.forEach((tab) => tab.root.unmount());
  await server?.close();
});

/** Opens a tab. `use` is its component, whose result is `tab.page`; `tab.requests` and `tab.answers` are its requests. */
function open(userId, use, { offsetMs = 0 } = {}) {
  const tab = { requests: [], answers: [], hides: new Set() };
  const Page = () => {
    tab.page = use();
    return null;
  };
  const options = {
    url: server.url,
    credential: { userId },
    storage: null,
    tabStorage: null,
    WebSocket,
    io,
    fetch: async (url, init) => {
      tab.requests.push(`${init.method} ${url.pathname}`);
      const response = await fetch(url, init);
      tab.answers.push(url.pathname);
      return response;
    },
    platform: {
      now: () => Date.now() + offsetMs,
      onHide: (run) => {
        tab.hides.add(run);
        return () => tab.hides.delete(run);
      },
      onWake: defaultPlatform.onWake,
    },
  };
  tab.root = createRoot(document.createElement('div'));
  tab.root.render(h(StrictMode, null, h(TickcastProvider, options, h(Page))));
  tabs.push(tab);
  return tab;
}

function useDay() {
  const session = useSessionManager();
  return { ...session, ...useRealtimeTimer(session.sessionData, session.updateSessionData) };
}

async function openDays(userId, options) {
  const both = [open(userId, useDay, options), open(userId, useDay, options)];
  await until('the days are loaded', () => both.every(({ page }) => page?.sessionData));
  return both;
}

async function stored(user) {
  return (await (await fetch(`${server.url}/api/session?userId=${user}`)).json()).data;
}

const kinds = ({ entries }) => entries.map(({ type }) => type).join();
const everyDay = (pages, is) => until(`the days are as expected: ${is}`, () => pages.every(({ page }) => is(page)));

describe('a working day in two tabs', { concurrency: true }, () => {
  test('a punch of one tab counts in the other, whatever the clock of the device says', async () => {
    await Promise.all(
      Object.entries(CLOCKS).map(async ([user, offsetMs]) => {
        const [first, second] = await openDays(user, { offsetMs });
        const measured = ({ answers }) => answers.filter((path) => path === '/timesync').length >= SAMPLES;
        await until('the tabs know the time of the server', () => [first, second].every(measured));
        first.page.clockIn();
        await everyDay([first, second], ({ liveWorkSeconds }) => liveWorkSeconds >= 2);
        assert.ok(Math.abs(first.page.liveWorkSeconds - second.page.liveWorkSeconds) <= 1);
        second.page.clockOut();
        await everyDay([first, second], ({ sessionData, liveBreakSeconds }) => kinds(sessionData) === 'IN,OUT' && liveBreakSeconds >= 1);
        const { entries, dailyStats } = await stored(user);
        assert.ok(entries.every(({ timestamp }) => Math.abs(timestamp - Date.now()) < 20_000), `${user}: the punches are dated by the server's time`);
        assert.equal(dailyStats.totalWorkMinutes, 0);
        for (const tab of [first, second]) {
          assert.equal(tab.requests.filter((request) => request === 'POST /api/session').length, 1, 'a tab posts its punch and nothing else');
          assert.equal(tab.page.error, null);
        }
      }),
    );
  });

  test('a theme and a reset of one tab stay', async () => {
    const [first, second] = await openDays('ben');
    second.page.updateSessionData({ currentTheme: 'minimal' });
    first.page.updateSessionData({ currentTheme: 'dark' });
    await everyDay([first, second], ({ sessionData }) => sessionData.currentTheme === 'dark');
    first.page.clockIn();
    await everyDay([first, second], ({ sessionData }) => kinds(sessionData) === 'IN');
    second.page.updateSessionData({ currentStatus: 'IN', sessionStartTime: 1 });
    await first.page.resetSession();
    await second.page.saveSessionData();
    await everyDay([first, second], ({ sessionData }) => kinds(sessionData) === '' && sessionData.currentStatus === 'OUT');
    assert.deepEqual([(await stored('ben')).entries, (await stored('ben')).currentTheme], [[], 'dark']);
    second.page.clockIn();
    await everyDay([first, second], ({ sessionData }) => kinds(sessionData) === 'IN');
  });

  test('what is not saved is sent when the page is left, and read when it is shown', async () => {
    const [first, second] = await openDays('cem');
    first.page.updateSessionData({ currentTheme: 'aurora' });
    first.hides.forEach((run) => run());
    await everyDay([second], ({ sessionData }) => sessionData.currentTheme === 'aurora');
    first.page.updateSessionData({ currentTheme: 'dark' });
    first.root.unmount();
    await everyDay([second], ({ sessionData }) => sessionData.currentTheme === 'dark');
    const before = second.requests.length;
    document.dispatchEvent(new Event('visibilitychange'));
    await until('the day is read', () => second.requests.slice(before).includes('GET /api/session'));
  });
});

test('the first example of the README runs', async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
  const [, code] = /```tsx\n(.*?)```/s.exec(readme);
  globalThis.WebSocket = WebSocket;
  const { App } = await importExample(code.replace('http://localhost:4000', server.url));
  const page = document.body.appendChild(document.createElement('div'));
  const root = createRoot(page);
  root.render(h(App));
  await until('the page is online', () => page.textContent.includes('online'));
  page.querySelector('button').click();
  await until('the stopwatch ticks', () => page.textContent.includes('Write the report: 00:00:01'));
  [...page.querySelectorAll('button')].at(-1).click();
  await until('the stopwatch has stopped', () => page.querySelectorAll('button').length === 1);
  root.unmount();
});

/** Imports TSX from a file of the package, whose name it imports. */
async function importExample(code) {
  const { code: module } = await transform(code, { loader: 'tsx', jsx: 'automatic' });
  const file = new URL('../.example.mjs', import.meta.url);
  await writeFile(file, module);
  try {
    return await import(file);
  } finally {
    await rm(file);
  }
}

test('stopwatches and a room outlive a killed server', async () => {
  const ann = open('ann', () => ({ ...useStopwatches(), createRoom: useCreateRoom() }));
  await until('the stopwatches are loaded', () => ann.page?.loaded);
  const { ok, sessionId } = await ann.page.start({ label: 'Write' });
  assert.equal(ok, true);
  const watch = () => ann.page.sessions.get(sessionId);
  await until('it ticks', () => watch()?.elapsedMs >= 1_000);
  const created = await ann.page.createRoom({ duration: 600, name: 'Ann' });
  assert.equal(created.ok, true, JSON.stringify(created));
  const [one, two] = ['Ann', 'Ben'].map((name) => open('ann', () => useRoom(created.sessionId, { name })));
  await until('both are members', () => [one, two].every(({ page }) => page?.canSendCommands && page.room.count >= 2));
  assert.deepEqual(await one.page.start(), { ok: true });
  await until('both see the seconds', () => [one, two].every(({ page }) => page.remainingSeconds <= 598));

  await server.kill('SIGKILL');
  await until('all are offline', () => [ann, one, two].every(({ page }) => page.connection.phase === 'offline'));
  const [elapsed, remaining] = [watch().elapsedMs, one.page.remainingSeconds];
  await until('the displays go on', () => watch().elapsedMs > elapsed && one.page.remainingSeconds < remaining);
  const paused = ann.page.pause(sessionId);
  await server.start();
  [ann, one, two].forEach(({ page }) => page.retryNow());
  assert.equal((await paused).ok, true);
  await until('all is live', () => [one, two].every(({ page }) => page.times === 'live') && watch().phase === 'paused');
  two.root.unmount();
  await until('Ben has left', () => one.page.room.clients.every(({ name }) => name !== 'Ben'));
});
