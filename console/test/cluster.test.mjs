/** The operators' page: three nodes over a Redis, of which one stops and one is killed. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertAccessible } from './fixture/axe.mjs';
import { openBrowser, screenshot } from './fixture/browser.mjs';
import { startRedis } from './fixture/redis.mjs';
import { startServer } from './fixture/server.mjs';
import { until } from './fixture/until.mjs';

const PHONE = { width: 390, height: 844 };
const DESKTOP = { width: 1200, height: 900 };

let redis;
let nodes;
let browser;

before(async () => {
  redis = await startRedis();
  const settings = { TICKCAST__STORE__URL: redis.url, TICKCAST__DRAIN__GRACE: '60s' };
  const start = (name) => startServer({ ...settings, TICKCAST__NODE__ID: name });
  nodes = Object.fromEntries(await Promise.all(['anna', 'bela', 'cora'].map(async (name) => [name, await start(name)])));
  browser = await openBrowser();
});

after(async () => {
  await browser?.close();
  await Promise.all(Object.values(nodes ?? {}).map((node) => node.close()));
  await redis?.close();
});

/** Reports as a later version, or somebody with access to the store, may write them. */
const STRANGE_REPORTS = {
  '<img src=x onerror=alert(1)>': '{"ready":true,"why":"<b>","version":{"major":3},"revision":7,"refusals":{"later":2,"odd":"x"},"store":{"servers":{"a":1}}}',
  'odd-drain': '{"ready":true,"drain":"soon","connections":[1],"store":{"servers":[null,{"ready":false},{"name":5}]},"refusals":3}',
  'no-object': '[1]',
};

async function writeReports(reports) {
  const [key] = await redis.client.keys('*}:nodes');
  for (const [name, report] of Object.entries(reports)) {
    await redis.client.hSet(key, name, report);
    await redis.client.zAdd(`${key}-seen`, { score: Date.now(), value: name });
  }
  return () => Promise.all(Object.keys(reports).map((name) => redis.client.hDel(key, name)));
}

test('the page shows all nodes, a shutdown and a dead node, and can only read', async () => {
  const client = await browser.open(nodes.bela, 'ann');
  assert.equal((await fetch(`${nodes.bela.url}/sessions`)).status, 401);
  const cluster = await browser.openCluster(nodes.anna);
  for (const name of ['anna', 'bela', 'cora']) await cluster.state(name, 'ready');
  await cluster.cell('bela', 'Connections').getByText('clockit.v1 1').waitFor();
  await cluster.figure('Nodes').getByText('3 of 3 ready').waitFor();
  await cluster.page.getByRole('rowheader').getByText(/^Leader, /).waitFor();
  await cluster.cell('unauthorized', 'By node').getByText('bela 1').waitFor();
  await cluster.cell(redis.url, 'When full').getByText('noeviction').waitFor();
  assert.match(await cluster.cell('bela', 'Store').textContent(), /^[\d.]+\sms$/);
  await assertAccessible(cluster.page, 'all nodes ready');
  await screenshot(cluster, 'cluster-ready');

  const removeReports = await writeReports(STRANGE_REPORTS);
  const [markup, odd, none] = Object.keys(STRANGE_REPORTS);
  for (const name of [markup, odd]) await cluster.state(name, 'ready');
  await cluster.state(none, 'unknown');
  await cluster.cell('later', 'Refused').getByText('2').waitFor();
  await cluster.figure('Nodes').getByText('5 of 6 ready').waitFor();
  assert.equal(await cluster.page.locator('main img, main b').count(), 0);
  await removeReports();
  await cluster.figure('Nodes').getByText('3 of 3 ready').waitFor();

  const refused = await cluster.page.evaluate(async () => {
    const headers = { 'content-type': 'application/json' };
    const order = fetch('../admin/disconnect', { method: 'POST', headers, body: '{"user":"ann"}' });
    const level = fetch('../admin/log', { method: 'PUT', headers, body: '{"level":"error"}' });
    return (await Promise.all([order, level])).map(({ status }) => status);
  });
  assert.deepEqual(refused, [403, 403]);

  await nodes.cora.kill();
  nodes.bela.signal('SIGTERM');
  await cluster.state('bela', 'draining');
  const left = cluster.row('bela').getByText(/1 socket left, closed within \d+ s/);
  await left.waitFor();
  const remaining = async () => Number(/within (\d+) s/.exec(await left.textContent())[1]);
  const first = await remaining();
  assert.ok(first > 0 && first <= 60, String(first));
  await until('the remaining time goes down', async () => (await remaining()) < first);
  await cluster.state('cora', 'silent');
  await cluster.announced('Node cora: Silent');
  await cluster.figure('Nodes').getByText('1 silent').waitFor();
  await screenshot(cluster, 'cluster-trouble');
  await assertAccessible(cluster.page, 'one node stops and one is silent');
  await cluster.page.emulateMedia({ colorScheme: 'dark' });
  await cluster.page.setViewportSize(PHONE);
  await assertAccessible(cluster.page, 'dark, on a phone');
  const width = await cluster.page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= PHONE.width, `${width} px wide`);
  await screenshot(cluster, 'cluster-phone-dark');
  await cluster.page.setViewportSize(DESKTOP);

  await client.page.close();
  await cluster.row('bela').waitFor({ state: 'detached' });
  await nodes.cora.start();
  await cluster.state('cora', 'ready');
  await nodes.anna.kill();
  await cluster.page.getByRole('alert').getByText('Node anna does not answer').waitFor();
  assert.match(await cluster.page.locator('[data-source]').textContent(), /^Not connected, figures of \d+ s ago$/);
});

test('a single node with its own store shows itself, in the language of the browser', async () => {
  const single = await startServer({ TICKCAST__NODE__ID: 'einzig' });
  try {
    const cluster = await browser.openCluster(single, { locale: 'de-DE' });
    await cluster.row('einzig').getByText('Bereit').waitFor();
    await cluster.cell('einzig', 'Speicher').getByText(/^[\d,]+\sms$/).waitFor();
    await cluster.page.getByText(/^[\d,]+ GiB von [\d,]+ GiB$/).waitFor();
    assert.equal(await cluster.page.locator('html').getAttribute('lang'), 'de');
    await cluster.page.getByLabel('Sprache').selectOption('en');
    await cluster.state('einzig', 'ready');
    await cluster.figure('Nodes').getByText('1 of 1 ready').waitFor();
  } finally {
    await single.close();
  }
});
