/** The hooks in React 18, on simulated pages. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { definePage, useReact18 } from './fixture/react.mjs';

useReact18();
const { version } = await import('react');
const { EXPECTED, renderOnServer } = await import('./fixture/server-rendering.mjs');
const rendered = typeof window === 'undefined' ? renderOnServer() : [];
definePage();
const { stopwatchTests } = await import('./fixture/stopwatch-tests.mjs');
const { roomTests } = await import('./fixture/room-tests.mjs');
const { focusTests } = await import('./fixture/focus-tests.mjs');
const { organizationTests } = await import('./fixture/organization-tests.mjs');
const { punchClockTests } = await import('./fixture/punch-clock-tests.mjs');

test('this is React 18', () => assert.match(version, /^18\./));

test('a server renders pages without a connection', () => {
  assert.deepEqual(rendered.map((text) => JSON.parse(text)), [EXPECTED, EXPECTED]);
});

stopwatchTests(test);
roomTests(test);
punchClockTests(test);
focusTests(test);
organizationTests(test);
