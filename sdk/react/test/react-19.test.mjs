/** The hooks in React 19, on simulated pages. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { definePage } from './fixture/react.mjs';

const { version } = await import('react');
const { EXPECTED, renderOnServer } = await import('./fixture/server-rendering.mjs');
const rendered = typeof window === 'undefined' ? renderOnServer() : [];
definePage();
const { stopwatchTests } = await import('./fixture/stopwatch-tests.mjs');
const { roomTests } = await import('./fixture/room-tests.mjs');
const { focusTests } = await import('./fixture/focus-tests.mjs');
const { organizationTests } = await import('./fixture/organization-tests.mjs');
const { punchClockTests } = await import('./fixture/punch-clock-tests.mjs');

test('this is React 19', () => assert.match(version, /^19\./));

test('a server renders pages without a connection', () => {
  assert.deepEqual(rendered.map((text) => JSON.parse(text)), [EXPECTED, EXPECTED]);
});

stopwatchTests(test);
roomTests(test);
punchClockTests(test);
focusTests(test);
organizationTests(test);
