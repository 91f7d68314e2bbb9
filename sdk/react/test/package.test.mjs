/** Both packages as they are published: their content, and their types and READMEs in the project of a consumer. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

const ROOT = new URL('../', import.meta.url).pathname;
const CLIENT = new URL('../../typescript/', import.meta.url).pathname;
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');

const run = promisify(execFile);

let folder;
let packed;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickcast-consumer-'));
  packed = await Promise.all([CLIENT, ROOT].map(pack));
  await writeFile(join(folder, 'package.json'), '{"private": true, "type": "module"}');
  const archives = packed.map(({ name, version }) => join(folder, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`));
  await run('npm', ['install', '--offline', '--legacy-peer-deps', '--no-audit', '--no-fund', ...archives], { cwd: folder });
  await mkdir(join(folder, 'node_modules/@types'));
  for (const name of ['react', 'react-dom', 'socket.io-client', '@types/react', '@types/react-dom', 'csstype']) {
    await symlink(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));
  }
});

after(() => rm(folder, { recursive: true, force: true }));

async function pack(cwd) {
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], { cwd });
  return JSON.parse(stdout)[0];
}

async function compile(...options) {
  await run(process.execPath, [TSC, '--noEmit', '--strict', '--jsx', 'react-jsx', '--lib', 'es2022,dom', '--types', '', ...options], { cwd: folder }).catch(
    ({ stdout, stderr }) => assert.fail(stdout || stderr),
  );
}

test('the packages contain modules with their types, and no sources or tests', async () => {
  for (const { name, files } of packed) {
    const paths = files.map(({ path }) => path);
    for (const path of ['README.md', 'package.json', 'dist/index.js', 'dist/index.d.ts']) assert.ok(paths.includes(path), `${name}: ${path}`);
    assert.deepEqual(paths.filter((path) => !/^(README\.md|package\.json|dist\/.*\.(js|d\.ts))$/.test(path)), [], name);
  }
  const { dependencies, peerDependencies } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  assert.deepEqual([dependencies, Object.keys(peerDependencies)], [undefined, ['@tickcast/client', 'react']]);
});

test('the packages are imported without a page', async () => {
  const { exports } = JSON.parse(await readFile(join(CLIENT, 'package.json'), 'utf8'));
  const names = ['@tickcast/react', ...Object.keys(exports).map((path) => path.replace('.', '@tickcast/client'))];
  await writeFile(join(folder, 'import.mjs'), `${names.map((name) => `await import('${name}');`).join('\n')}\n`);
  await run(process.execPath, [join(folder, 'import.mjs')]);
});

test('the examples of the READMEs and a consumer compile, with both ways to resolve modules', async () => {
  const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
  const examples = [...readme.matchAll(/```tsx\n(.*?)```/gs)].map(([, code]) => code);
  assert.equal(examples.length, 5);
  const files = await Promise.all(
    [...examples, CONSUMER].map(async (code, index) => {
      const file = join(folder, `example-${index}.tsx`);
      await writeFile(file, code);
      return file;
    }),
  );
  await Promise.all([
    compile('--module', 'node16', '--moduleResolution', 'node16', ...files),
    compile('--module', 'esnext', '--moduleResolution', 'bundler', '--exactOptionalPropertyTypes', ...files),
  ]);
});

const CONSUMER = `
  import type { ClientError } from '@tickcast/client';
  import { TickcastProvider, useFocusSession, useOrganizationTimers, useRealtimeTimer, useRoom, useSessionManager, useStopwatches, type UserSession } from '@tickcast/react';

  export function Consumer({ token }: { token?: string }) {
    const { sessions, start, serverNow } = useStopwatches({ onSessionChanges: (changes) => changes.map(({ kind }) => kind) });
    const { sessionData, error, updateSessionData, saveSessionData } = useSessionManager({ account: 'ada' });
    const data: UserSession | null = sessionData;
    const { liveWorkSeconds, dailyStats } = useRealtimeTimer(data, updateSessionData);
    updateSessionData({ currentTheme: 'dark' });
    void saveSessionData().then(() => error?.length);
    void start({ label: 'a' }).then((result) => (result.ok ? result.sessionId : result.error.code));
    void useFocusSession({ continueOnOpen: false }).pause().then((result) => result.ok && result.session.targetMinutes);
    const { entries, listEntries } = useOrganizationTimers({ onEvent: (event) => (event.type === 'timer:started' ? event.payload.taskType?.name : event.payload.timeEntryId) });
    void listEntries({ limit: 1 }).then((result) => result.ok && result.value.stats.totalCost + entries.size);
    void useRoom(null).adjust(60).then((result) => !result.ok && result.error.message);
    // @ts-expect-error: a room has an id or null
    useRoom();
    // @ts-expect-error: a theme is a text
    updateSessionData({ currentTheme: 7 });
    // @ts-expect-error: the state is immutable
    useStopwatches().loaded = true;
    const report = (problem: ClientError): string => (problem.kind === 'command' ? problem.command.type : problem.message);
    const number: number = liveWorkSeconds + dailyStats.totalWorkMinutes + serverNow() + sessions.size;
    return (
      <TickcastProvider credential={token ? { token } : undefined} onError={report}>
        {number}
      </TickcastProvider>
    );
  }
`;
