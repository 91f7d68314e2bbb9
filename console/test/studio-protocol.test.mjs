/** The envelopes of tRPC: Tickcast answers like a server that is made with `@trpc/server`. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { initTRPC, TRPCError } from '@trpc/server';
import { createHTTPServer } from '@trpc/server/adapters/standalone';
import { Member, startStudio } from './fixture/studio.mjs';

const NOT_LOGGED_IN = 'You must be logged in to access this resource';
const LIST = 'timeTracking.taskTypes.list';
const ACTIVE = 'timeTracking.timer.getActive';
const START = 'timeTracking.timer.start';
const STOP = 'timeTracking.timer.stop';
const BATCH = '?batch=1';

let studio;
let server;
let ann;
let guest;
let reference;

before(async () => {
  studio = await startStudio();
  ann = await studio.member(1);
  guest = new Member(ann.node, 0, undefined);
  server = referenceServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${server.address().port}`;
  reference = (cookie) => new Member({ url }, 0, cookie);
});

after(async () => {
  server?.close();
  await studio?.close();
});

/** Makes a server whose procedures have the paths, the login and the refusals of the original, and no state. */
function referenceServer() {
  const t = initTRPC.create({ isDev: false });
  const object = (input) => {
    if (input === null || typeof input !== 'object' || Array.isArray(input)) throw new Error('no object');
    return input;
  };
  const procedure = t.procedure.use(({ ctx, next }) => {
    if (!ctx.cookie) throw new TRPCError({ code: 'UNAUTHORIZED', message: NOT_LOGGED_IN });
    return next();
  });
  const refuse = (code, message) => () => {
    throw new TRPCError({ code, message });
  };
  const router = t.router({
    timeTracking: t.router({
      taskTypes: t.router({ list: procedure.query(() => null) }),
      timer: t.router({
        getActive: procedure.input(object).query(() => null),
        start: procedure.input(object).mutation(refuse('NOT_FOUND', 'Task type not found')),
        stop: procedure.input(object).mutation(refuse('NOT_FOUND', 'Time entry not found')),
      }),
    }),
  });
  const createContext = ({ req }) => ({ cookie: req.headers.cookie });
  return createHTTPServer({ router, createContext, basePath: '/api/trpc/' });
}

/** Returns an envelope without the message, whose wording differs for parsers. */
function withoutMessage(envelope) {
  if (Array.isArray(envelope)) return envelope.map(withoutMessage);
  return envelope.error ? { error: { ...envelope.error, message: '' } } : envelope;
}

const start = (taskTypeId) => `{"taskTypeId":${taskTypeId},"sessionId":1}`;

/** The requests: method, path, options, and whether the message is of our own wording. */
const REQUESTS = [
  ['an empty result', 'GET', ACTIVE, { input: '{"sessionId":77}' }],
  ['an error of the procedure', 'POST', START, { body: start(999) }],
  ['an unknown path', 'GET', 'timeTracking.timer.restart'],
  ['an unknown path that is posted to', 'POST', 'nonsense', { body: '{}' }],
  ['a path that an object has by itself', 'GET', 'constructor'],
  ['a path within a procedure', 'GET', `${LIST}.more`],
  ['a mutation by GET', 'GET', START, { input: start(1) }],
  ['a query by POST', 'POST', LIST, { body: '{}' }],
  ['a query by PUT', 'PUT', LIST, { body: '{}' }, true],
  ['a mutation by DELETE', 'DELETE', STOP, { body: '{}' }, true],
  ['an unknown path without a login', 'GET', 'timeTracking.nothing', { guest: true }],
  ['a wrong verb without a login', 'GET', STOP, { guest: true }],
  ['a call without a login', 'POST', STOP, { guest: true, body: '{}' }],
  ['a query without a login', 'GET', LIST, { guest: true }],
  ['a POST without a content type', 'POST', STOP, { body: new Uint8Array([123, 125]), headers: { 'content-type': '' } }, true],
  ['a POST of another content type', 'POST', STOP, { body: '{}', headers: { 'content-type': 'text/plain' } }, true],
  ['a form', 'POST', STOP, { body: 'timeEntryId=1', headers: { 'content-type': 'application/x-www-form-urlencoded' } }, true],
  ['another content type at an unknown path', 'POST', 'nothing', { body: '{}', headers: { 'content-type': 'text/plain' } }, true],
  ['another content type in a batch', 'POST', `${STOP},${STOP}${BATCH}`, { body: '{}', headers: { 'content-type': 'text/plain' } }, true],
  ['a content type with a parameter', 'POST', STOP, { body: '{"timeEntryId":9}', headers: { 'content-type': 'application/json; charset=utf-8' } }],
  ['bad JSON', 'POST', STOP, { body: '{"timeEntryId":' }, true],
  ['bad JSON in the query', 'GET', ACTIVE, { input: '{' }, true],
  ['an input that is no object', 'POST', STOP, { body: '[1]' }, true],
  ['a body that is empty', 'POST', STOP, { body: '' }, true],
  ['an unknown path with bad JSON', 'POST', 'nothing', { body: '{' }],
  ['a batch of one', 'GET', `${ACTIVE}${BATCH}`, { input: '{"0":{"sessionId":77}}' }],
  ['a batch of equal results', 'GET', `${ACTIVE},${ACTIVE}${BATCH}`, { input: '{"0":{"sessionId":1},"1":{"sessionId":2}}' }],
  ['a batch of mixed results', 'GET', `${ACTIVE},nothing,${ACTIVE}${BATCH}`, { input: '{"0":{"sessionId":1}}' }, true],
  ['a batch of equal errors', 'POST', `${START},${STOP}${BATCH}`, { body: `{"0":${start(99)},"1":{"timeEntryId":8}}` }],
  ['a batch without a login', 'POST', `${START},nothing${BATCH}`, { guest: true, body: `{"0":${start(1)}}` }],
  ['a batch without inputs', 'POST', `${START},${STOP}${BATCH}`, { body: '{}' }, true],
  ['a batch whose inputs are a list', 'POST', `${START},${STOP}${BATCH}`, { body: '[{}]' }, true],
  ['a batch whose inputs are no JSON', 'POST', `${START},${STOP}${BATCH}`, { body: '{' }, true],
  ['a batch whose inputs are null', 'POST', `${START},${STOP}${BATCH}`, { body: 'null' }, true],
  ['a list of paths that is no batch', 'GET', `${ACTIVE},${ACTIVE}`],
  ['a batch with an empty path', 'GET', `${ACTIVE},${BATCH}`, { input: '{"0":{"sessionId":1}}' }],
  ['a batch marked by another number', 'GET', `${ACTIVE},${ACTIVE}?batch=2`],
  ['a batch with a path twice encoded', 'GET', `${encodeURIComponent(`${ACTIVE},${ACTIVE}`)}${BATCH}`, { input: '{"0":{"sessionId":1},"1":{"sessionId":1}}' }],
];

for (const [what, method, path, { guest: isGuest, ...options } = {}, isOwnMessage] of REQUESTS) {
  test(`${what} is answered as by @trpc/server`, async () => {
    const ours = await (isGuest ? guest : ann).raw(method, path, options);
    const theirs = await reference(isGuest ? undefined : 'a=b').raw(method, path, options);
    assert.equal(ours.status, theirs.status, `${ours.text}\n${theirs.text}`);
    // The reference names a text as the type of some errors.
    assert.equal(ours.type, 'application/json');
    const [our, their] = [ours, theirs].map(({ text }) => (isOwnMessage ? withoutMessage(JSON.parse(text)) : JSON.parse(text)));
    assert.equal(JSON.stringify(our), JSON.stringify(their));
  });
}
