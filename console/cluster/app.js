/** Asks the node for the state of the cluster once a second while the page is visible, and shows it. */
import { setText, setVisible } from '../dom.js';
import { localeOf, readLanguage } from '../i18n/language.js';
import { LANGUAGES, setLanguage, t } from '../i18n/translate.js';
import { renderLanguageMenu } from '../shell/language-menu.js';
import { storageOf } from '../storage.js';
import { readReport } from './report.js';
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
const storage = storageOf(window, 'localStorage');

const language = readLanguage({ storage, preferred: navigator.languages, supported: LANGUAGES });
setLanguage(language, localeOf(language, navigator.languages));
document.documentElement.lang = language;
renderLanguageMenu(find('language'), language, storage);

let update = null;
let last = null;
let answeredAt = null;
let states = new Map();

async function ask() {
  const response = await fetch('../admin/cluster', { cache: 'no-store', signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  if (!response.ok) throw new Error(`status ${response.status}`);
  const cluster = await response.json();
  return { ...cluster, nodes: cluster.nodes.map(readReport) };
}

function show(cluster) {
  last = cluster;
  answeredAt = performance.now();
  update ??= createView(main);
  update(cluster);
  announce(cluster.nodes);
  const { ageMs, why } = cluster.reports;
  const isStale = why && Number.isFinite(ageMs);
  setText(source, t(isStale ? 'cluster.liveStale' : 'cluster.live', { node: cluster.node, time: duration(ageMs) }));
  showAlarm(why ? t('cluster.alarm.reports', { why }) : '');
}

function showFailure() {
  const time = duration(performance.now() - answeredAt);
  setText(source, t(last ? 'cluster.disconnectedSince' : 'cluster.disconnected', { time }));
  showAlarm(t(last ? 'cluster.alarm.node' : 'cluster.alarm.unknownNode', { node: last?.node }));
}

function showAlarm(text) {
  setText(alarm, text);
  setVisible(alarm, text !== '');
}

/** Tells a screen reader of nodes that come, go, or change their state. */
function announce(nodes) {
  const current = new Map(nodes.map((node) => [node.node, nodeState(node)]));
  const isChanged = ([node, { state }]) => states.has(node) && states.get(node) !== state;
  const texts = [...current].filter(isChanged).map(([node, { text }]) => t('cluster.announce.state', { node, state: text }));
  texts.push(...[...states.keys()].filter((node) => !current.has(node)).map((node) => t('cluster.announce.gone', { node })));
  const added = [...current.keys()].filter((node) => states.size > 0 && !states.has(node));
  texts.push(...added.map((node) => t('cluster.announce.new', { node })));
  if (texts.length > 0) setText(announcer, texts.join(' '));
  states = new Map([...current].map(([node, { state }]) => [node, state]));
}

let timer = null;
let isAsking = false;

async function poll() {
  clearTimeout(timer);
  if (isAsking) return;
  isAsking = true;
  try {
    await ask().then(show, showFailure);
  } finally {
    isAsking = false;
    if (!document.hidden) timer = setTimeout(poll, INTERVAL_MS);
  }
}

document.addEventListener('visibilitychange', () => {
  if (document.hidden) clearTimeout(timer);
  else poll();
});
poll();
