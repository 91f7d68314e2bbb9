/** The package as it is published: its content, its types, its size, and the example of its README. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { startServer } from '../../../console/test/fixture/server.mjs';

const ROOT = new URL('../', import.meta.url).pathname;
const CRYPTO = new URL('fixture/crypto.mjs', import.meta.url).href;

/** The largest sizes, minified and compressed: of the core, and of a client with the parts of the core that it needs. */
const CORE_MAX = 12 * 1024;
const CLIENT_MAX = 13 * 1024;

const run = promisify(execFile);

let folder;
let packed;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickcast-package-'));
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], { cwd: ROOT });
  [packed] = JSON.parse(stdout);
  await mkdir(join(folder, 'node_modules/@tickcast'), { recursive: true });
  // npm 9 reports another name than that of the file.
  const archive = packed.filename.replace('@', '').replace('/', '-');
  await run('tar', ['-xzf', join(folder, archive), '-C', join(folder, 'node_modules/@tickcast')]);
  await run('mv', [join(folder, 'node_modules/@tickcast/package'), join(folder, 'node_modules/@tickcast/client')]);
});

after(() => rm(folder, { recursive: true, force: true }));

test('the package contains the modules with their types, and no sources or tests', () => {
  const paths = packed.files.map(({ path }) => path);
  for (const path of ['README.md', 'package.json', 'dist/index.js', 'dist/index.d.ts', 'dist/clockit/index.js', 'dist/clockit/index.d.ts']) {
    assert.ok(paths.includes(path), path);
  }
  assert.deepEqual(paths.filter((path) => !/^(README\.md|package\.json|dist\/.*\.(js|d\.ts))$/.test(path)), []);
});

test('every entry point can be imported and has types', async () => {
  const { exports } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  const names = Object.keys(exports).map((path) => path.replace('.', '@tickcast/client'));
  await writeFile(join(folder, 'import.mjs'), names.map((name) => `await import('${name}');`).join('\n'));
  await run(process.execPath, [join(folder, 'import.mjs')]);
  for (const peer of ['socket.io-client', '@trpc']) await symlink(join(ROOT, 'node_modules', peer), join(folder, 'node_modules', peer));
  const source = `
    import type { ClientError, Store } from '@tickcast/client';
    import { ClockitClient, type ClockitSnapshot } from '@tickcast/client/clockit';
    import { RoomsClient } from '@tickcast/client/rooms';
    import { StudioClient, type SocketEvents, type StudioClientEvents, type StudioRouter, type StudioServerEvents, type TimerStartedEvent } from '@tickcast/client/studio';
    import { createTRPCClient, httpBatchLink, httpLink } from '@trpc/client';
    import { io, type Socket } from 'socket.io-client';
    const studio = new StudioClient({ url: 'http://h', io, credential: { token: async () => 't' } });
    studio.onEvent((event) => event.type === 'timer:stopped' && event.payload.cost?.formattedCost.at(0));
    studio.adjust({ timeEntryId: 1, endTime: new Date(), startTime: '2026-01-01T00:00:00Z' });
    // @ts-expect-error: a user id names no organisation
    new StudioClient({ url: 'http://h', io, credential: { userId: 'ada' } });
    const socket: Socket<StudioServerEvents, StudioClientEvents> = io('http://h');
    socket.on('timer:started', (event: TimerStartedEvent) => event.taskType?.color);
    export const started: SocketEvents['timer:started'] = {} as TimerStartedEvent;
    const { timeTracking } = createTRPCClient<StudioRouter>({ links: [httpLink({ url: 'http://h/api/trpc' })] });
    createTRPCClient<StudioRouter>({ links: [httpBatchLink({ url: 'http://h/api/trpc' })] });
    export async function calls(): Promise<string | undefined> {
      const types = await timeTracking.taskTypes.list.query();
      await timeTracking.taskTypes.update.mutate({ id: types[0]!.id, data: { isActive: false } });
      const { nextCursor } = await timeTracking.timeEntries.list.query({ isRunning: true, limit: 5 });
      // @ts-expect-error: an entry has a type
      await timeTracking.timer.start.mutate({ sessionId: 1 });
      // @ts-expect-error: a query is no mutation
      await timeTracking.timer.getActive.mutate({ sessionId: 1 });
      return nextCursor ?? (await timeTracking.timer.start.mutate({ taskTypeId: 1, sessionId: 1 })).taskType?.name;
    }
    new RoomsClient({ url: 'http://h', io, storage: sessionStorage }).send({ type: 'timer:adjust', seconds: 60 });
    // @ts-expect-error: an adjustment has seconds
    new RoomsClient({ url: 'http://h', io }).send({ type: 'timer:adjust' });
    const client: Store<ClockitSnapshot> = new ClockitClient({ url: 'http://h', credential: { token: async () => 't' }, storage: localStorage });
    export function text(error: ClientError): string {
      switch (error.kind) {
        case 'command': return error.command.type;
        case 'http': return String(error.status);
        case 'refused': case 'disconnected': return String(error.code);
        case 'server': case 'token': return error.message;
      }
    }
    // @ts-expect-error: a snapshot is immutable
    client.getSnapshot().loaded = true;
    // @ts-expect-error: a credential is one of two
    new ClockitClient({ url: 'http://h', credential: { name: 'ada' } });
  `;
  await writeFile(join(folder, 'consumer.mts'), source);
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--lib', 'es2022,dom,esnext.disposable', '--types', '', join(folder, 'consumer.mts')];
  await run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), ...options], { cwd: folder }).catch((error) => assert.fail(error.stdout));
});

/** Returns the size of modules in one file, without `socket.io-client`. */
async function sizeOf(modules) {
  const contents = modules.map((path) => `export * from './${path}';`).join('\n');
  const stdin = { contents, resolveDir: join(ROOT, 'dist') };
  const { outputFiles } = await build({ stdin, bundle: true, minify: true, format: 'esm', write: false });
  return gzipSync(outputFiles[0].contents).length;
}

test('the core and each client are small, without socket.io-client', async () => {
  const core = (await readdir(join(ROOT, 'dist/core'))).filter((name) => name.endsWith('.js')).map((name) => `core/${name}`);
  const clients = ['clockit', 'focus', 'punch-clock', 'rooms', 'studio'].map((system) => [`${system}/index.js`]);
  for (const modules of [core, ...clients]) {
    const bytes = await sizeOf(modules);
    const [name] = modules[0].split('/');
    console.log(`${name}: ${bytes} bytes`);
    assert.ok(bytes > 2_000 && bytes <= (name === 'core' ? CORE_MAX : CLIENT_MAX), `${name}: ${bytes} bytes`);
  }
});

test('the example of the README runs', async () => {
  const example = await readFile(join(ROOT, 'examples/stopwatch.mjs'), 'utf8');
  const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
  assert.ok(readme.includes(`\`\`\`js\n${example}\`\`\``), 'the README shows the file');
  const server = await startServer();
  try {
    const { stdout, stderr } = await run(process.execPath, ['--import', CRYPTO, join(ROOT, 'examples/stopwatch.mjs')], { env: { ...process.env, TICKCAST_URL: server.url } });
    assert.match(stdout, /online: Write the report is running at 1 s/);
    assert.match(stdout, /online: Write the report is stopped at 2 s/);
    assert.equal(stderr, '');
  } finally {
    await server.close();
  }
});
