/** The figures and the tables of the page. */
import { el, setText, setVisible } from '../dom.js';
import { t } from '../i18n/translate.js';
import { createTable } from './table.js';
import { bytes, count, duration, milliseconds, nodeState, persistence, refusalText, role } from './wording.js';

const nodeColumns = () => [
  { label: t('cluster.node'), cell: (node) => ({ text: node.node, note: addresses(node) }) },
  { label: t('cluster.state'), cell: (node) => ({ ...nodeState(node), badge: true }) },
  { label: t('cluster.connections'), cell: connections },
  { label: t('cluster.rooms'), cell: (node) => ({ text: count(node.rooms), note: node.members > 0 && t('cluster.members', { count: node.members }) }) },
  { label: t('cluster.beatLag'), cell: (node) => milliseconds(node.beatLagMs) },
  { label: t('cluster.store'), cell: storeOfNode },
  { label: t('cluster.refused'), cell: (node) => count(refusedBy(node)) },
  { label: t('cluster.uptime'), cell: (node) => duration(node.uptimeSeconds * 1000) },
  { label: t('cluster.version'), cell: (node) => ({ text: node.version, note: node.revision?.slice(0, 12) }) },
];

const refusalColumns = () => [
  { label: t('cluster.reason'), cell: ({ reason }) => ({ text: reason, note: refusalText(reason) }) },
  { label: t('cluster.refused'), cell: ({ total }) => count(total) },
  { label: t('cluster.byNode'), cell: ({ byNode }) => byNode.map(([node, refused]) => `${node} ${count(refused)}`).join(', ') },
];

const serverColumns = () => [
  { label: t('cluster.server'), cell: ({ server }) => ({ text: server.name, note: server.version }) },
  { label: t('cluster.state'), cell: stateOfServer },
  { label: t('cluster.role'), cell: ({ server }) => role(server) },
  { label: t('cluster.shards'), cell: ({ server }) => count(server.shards) },
  { label: t('cluster.persistence'), cell: ({ server }) => persistence(server) },
  { label: t('cluster.whenFull'), cell: ({ server }) => server.memoryPolicy },
  { label: t('cluster.space'), cell: space },
];

export function createView(main) {
  const figures = [
    t('cluster.nodes'),
    t('cluster.leader'),
    t('cluster.beatLag'),
    t('cluster.connections'),
    t('cluster.rooms'),
    t('cluster.refused'),
  ].map(createFigure);
  const nodes = createTable({ caption: t('cluster.nodes'), columns: nodeColumns(), rowState: (node) => nodeState(node).state });
  const refusals = createTable({ caption: t('cluster.refusals'), columns: refusalColumns() });
  const servers = createTable({ caption: t('cluster.servers'), columns: serverColumns() });
  const noRefusals = el('p', { class: 'muted' }, t('cluster.noRefusals'));
  const refusalsTitle = el('h2');
  main.replaceChildren(
    el('dl', { class: 'figures' }, ...figures.map((figure) => figure.node)),
    el('section', { class: 'panel' }, el('h2', {}, t('cluster.nodes')), nodes.node),
    el('section', { class: 'panel' }, refusalsTitle, noRefusals, refusals.node),
    el('section', { class: 'panel' }, el('h2', {}, t('cluster.store')), servers.node),
  );

  return function update(cluster) {
    const listed = cluster.nodes.map((node) => ({ ...node, isLeader: node.node === cluster.leader.node }));
    nodes.update(listed, (node) => node.node);
    const reasons = refusalsByReason(listed);
    refusals.update(reasons, ({ reason }) => reason);
    setVisible(refusals.node, reasons.length > 0);
    setVisible(noRefusals, reasons.length === 0);
    setText(refusalsTitle, t('cluster.refusalsWithin', { time: duration(cluster.refusalsWithinMs) }));
    servers.update(serversByName(cluster.node, listed), ({ server }) => server.name);
    summary(cluster, listed).forEach((figure, index) => figures[index].update(figure));
  };
}

function createFigure(label) {
  const value = el('dd', { class: 'figure-value' });
  const note = el('dd', { class: 'figure-note' });
  return {
    node: el('div', { class: 'figure' }, el('dt', {}, label), value, note),
    update(figure) {
      setText(value, figure.value);
      setText(note, figure.note || '');
    },
  };
}

function summary({ leader, at, refusalsWithinMs }, nodes) {
  const states = nodes.map((node) => nodeState(node).state);
  const alive = nodes.filter((node) => !node.silent);
  const ready = states.filter((state) => state === 'ready').length;
  const silent = states.filter((state) => state === 'silent').length;
  const total = (value) => sum(alive.map((node) => value(node) ?? 0));
  const limit = count(total((node) => node.connections?.limit));
  return [
    { value: t('cluster.readyOf', { ready, nodes: nodes.length }), note: silent > 0 && t('cluster.silentCount', { silent }) },
    { value: leader.node || t('cluster.noLeader'), note: leader.since && at && t('cluster.term', { time: duration(at - leader.since) }) },
    { value: milliseconds(Math.max(...alive.map((node) => node.beatLagMs ?? 0))), note: t('cluster.slowest') },
    { value: count(total((node) => node.connections?.count)), note: t('cluster.ofLimit', { limit }) },
    { value: count(total((node) => node.rooms)), note: t('cluster.sum') },
    { value: count(total(refusedBy)), note: t('cluster.within', { time: duration(refusalsWithinMs) }) },
  ];
}

function addresses({ isLeader, host, public: open, internal }) {
  const parts = [isLeader && t('cluster.leader'), host, open && t('cluster.public', { address: open })];
  return [...parts, internal && t('cluster.internal', { address: internal })].filter(Boolean).join(', ');
}

function refusedBy(node) {
  return sum(Object.values(node.refusals ?? {}));
}

function connections({ connections: connected }) {
  if (!connected) return undefined;
  const used = Object.entries(connected.byDialect ?? {}).filter(([, clients]) => clients > 0);
  return { text: count(connected.count), note: used.map(([dialect, clients]) => `${dialect} ${count(clients)}`).join(', ') };
}

function storeOfNode({ store }) {
  if (!store) return undefined;
  if (store.ready === false) return { text: t('cluster.storeUnusable'), note: store.why, badge: true, trouble: true };
  return milliseconds(store.latencyMs);
}

function refusalsByReason(nodes) {
  const reasons = new Map();
  for (const node of nodes) {
    for (const [reason, refused] of Object.entries(node.refusals ?? {})) {
      const entry = reasons.get(reason) ?? { reason, total: 0, byNode: [] };
      entry.total += refused;
      entry.byNode.push([node.node, refused]);
      reasons.set(reason, entry);
    }
  }
  return [...reasons.values()].sort((one, other) => other.total - one.total || one.reason.localeCompare(other.reason));
}

/** Each server once, as the answering node sees it if it does, with the nodes that cannot use it. */
function serversByName(own, nodes) {
  const servers = new Map();
  const ownFirst = nodes.filter((node) => !node.silent).sort((one, other) => (other.node === own) - (one.node === own));
  for (const node of ownFirst) {
    for (const server of node.store?.servers ?? []) {
      const entry = servers.get(server.name) ?? { server, unusableBy: [] };
      if (server.ready === false) entry.unusableBy.push(`${node.node}: ${server.why}`);
      servers.set(server.name, entry);
    }
  }
  return [...servers.values()].sort((one, other) => one.server.name.localeCompare(other.server.name));
}

function stateOfServer({ unusableBy }) {
  if (unusableBy.length === 0) return { text: t('cluster.server.usable'), badge: true };
  return { text: t('cluster.server.unusable'), note: unusableBy.join('; '), badge: true, trouble: true };
}

function space({ server: { used, limit } }) {
  if (!Number.isFinite(used) || !Number.isFinite(limit)) return undefined;
  const percent = Math.floor((used / Math.max(1, limit)) * 100);
  return { text: t('cluster.usedOf', { used: bytes(used), limit: bytes(limit) }), note: t('cluster.percent', { percent }) };
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}
