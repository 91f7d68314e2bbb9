/** Asks the node for the state of the cluster once a second while the page is visible, and shows it. */
import { setText, setVisible } from '../dom.js';
import { createView } from './view.js';
import { duration, nodeState } from './wording.js';

const INTERVAL_MS = 1000;

/** A node that does not answer within this time has a problem that the page should tell. */
const ANSWER_WITHIN_MS = 4000;

const find = (name) => document.querySelector(`[data-${name}]`);
const source = find('source');
const alarm = find('alarm');
const announcer = find('announcer');
const main = find('main');

let update = null;
let last = null;
let answeredAt = null;
let states = new Map();

async function ask() {
  const response = await fetch('../admin/cluster', { cache: 'no-store', signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  if (!response.ok) throw new Error(`the node answers ${response.status}`);
  return response.json();
}

function show(cluster) {
  last = cluster;
  answeredAt = performance.now();
  update ??= createView(main);
  update(cluster);
  announce(cluster.nodes);
  const { ageMs, why } = cluster.reports;
  const stale = why && Number.isFinite(ageMs) ? `, other nodes as of ${duration(ageMs)} ago` : '';
  setText(source, `Live from node ${cluster.node}${stale}`);
  showAlarm(why ? `The reports of the other nodes cannot be read: ${why}` : '');
}

function showFailure() {
  const known = last ? `, figures of ${duration(performance.now() - answeredAt)} ago` : '';
  setText(source, `Not connected${known}`);
  showAlarm(`${last ? `Node ${last.node}` : 'The node'} does not answer; it is asked again every second`);
}

function showAlarm(text) {
  setText(alarm, text);
  setVisible(alarm, text !== '');
}

/** Tells a screen reader of nodes that come, go, or change their state. */
function announce(nodes) {
  const current = new Map(nodes.map((node) => [node.node, nodeState(node)]));
  const changes = [...current].filter(([node, { state }]) => states.has(node) && states.get(node) !== state);
  const texts = changes.map(([node, { text }]) => `Node ${node}: ${text}.`);
  const left = [...states.keys()].filter((node) => !current.has(node));
  texts.push(...left.map((node) => `Node ${node} has stopped.`));
  if (states.size > 0) texts.push(...[...current.keys()].filter((node) => !states.has(node)).map((node) => `Node ${node} is new.`));
  if (texts.length > 0) setText(announcer, texts.join(' '));
  states = new Map([...current].map(([node, { state }]) => [node, state]));
}

let timer = null;
let isAsking = false;

async function poll() {
  clearTimeout(timer);
  if (isAsking) return;
  isAsking = true;
  await ask().then(show, showFailure);
  isAsking = false;
  if (!document.hidden) timer = setTimeout(poll, INTERVAL_MS);
}

document.addEventListener('visibilitychange', () => {
  if (document.hidden) clearTimeout(timer);
  else poll();
});
poll();
