/** The figures and the tables of the page. */
import { el, setText, setVisible } from '../dom.js';
import { createTable } from './table.js';
import { bytes, count, duration, milliseconds, nodeState, persistence, refusalText, role } from './wording.js';

const NODE_COLUMNS = [
  { label: 'Node', cell: (node) => ({ text: node.node, note: addresses(node) }) },
  { label: 'State', cell: (node) => ({ ...nodeState(node), badge: true }) },
  { label: 'Connections', cell: connections },
  { label: 'Rooms', cell: (node) => ({ text: count(node.rooms), note: node.members > 0 ? `${count(node.members)} members` : '' }) },
  { label: 'Beat lag', cell: (node) => milliseconds(node.beatLagMs) },
  { label: 'Store', cell: storeOfNode },
  { label: 'Refused', cell: (node) => count(sum(Object.values(node.refusals ?? {}))) },
  { label: 'Uptime', cell: (node) => duration(node.uptimeSeconds * 1000) },
  { label: 'Version', cell: (node) => ({ text: node.version, note: node.revision?.slice(0, 12) }) },
];

const REFUSAL_COLUMNS = [
  { label: 'Reason', cell: ({ reason }) => ({ text: reason, note: refusalText(reason) }) },
  { label: 'Refused', cell: ({ total }) => count(total) },
  { label: 'By node', cell: ({ byNode }) => byNode.map(([node, refused]) => `${node} ${count(refused)}`).join(', ') },
];

const SERVER_COLUMNS = [
  { label: 'Server', cell: ({ server }) => ({ text: server.name, note: server.version }) },
  { label: 'State', cell: stateOfServer },
  { label: 'Role', cell: ({ server }) => role(server) },
  { label: 'Shards', cell: ({ server }) => count(server.shards) },
  { label: 'Persistence', cell: ({ server }) => persistence(server) },
  { label: 'When full', cell: ({ server }) => server.memoryPolicy ?? '–' },
  { label: 'Space', cell: space },
];

export function createView(main) {
  const figures = ['Nodes', 'Leader', 'Beat lag', 'Connections', 'Rooms', 'Refused'].map(createFigure);
  const nodes = createTable({ caption: 'Nodes', columns: NODE_COLUMNS, rowState: (node) => nodeState(node).state });
  const refusals = createTable({ caption: 'Refusals', columns: REFUSAL_COLUMNS });
  const servers = createTable({ caption: 'Servers of the store', columns: SERVER_COLUMNS });
  const noRefusals = el('p', { class: 'muted' }, 'None.');
  const refusalsTitle = el('h2', {}, 'Refusals');
  main.replaceChildren(
    el('dl', { class: 'figures', 'data-figures': true }, ...figures.map((figure) => figure.node)),
    el('section', { class: 'panel' }, el('h2', {}, 'Nodes'), nodes.node),
    el('section', { class: 'panel' }, refusalsTitle, noRefusals, refusals.node),
    el('section', { class: 'panel' }, el('h2', {}, 'Store'), servers.node),
  );

  return function update(cluster) {
    const listed = cluster.nodes.map((node) => ({ ...node, isLeader: node.node === cluster.leader.node }));
    nodes.update(listed, (node) => node.node);
    const reasons = refusalsByReason(listed);
    refusals.update(reasons, ({ reason }) => reason);
    setVisible(refusals.node, reasons.length > 0);
    setVisible(noRefusals, reasons.length === 0);
    setText(refusalsTitle, `Refusals in the last ${duration(cluster.refusalsWithinMs)}`);
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
      setText(note, figure.note ?? '');
    },
  };
}

function summary({ leader, at, refusalsWithinMs }, nodes) {
  const states = nodes.map((node) => nodeState(node).state);
  const alive = nodes.filter((node) => !node.silent);
  const ready = states.filter((state) => state === 'ready').length;
  const silent = states.filter((state) => state === 'silent').length;
  const total = (value) => sum(alive.map(value));
  const term = leader.since && at ? `for ${duration(at - leader.since)}` : '';
  return [
    { value: `${ready} of ${nodes.length} ready`, note: silent > 0 ? `${silent} silent` : '' },
    { value: leader.node || 'none', note: term },
    { value: milliseconds(Math.max(...alive.map((node) => node.beatLagMs ?? 0))), note: 'of the slowest node' },
    {
      value: count(total((node) => node.connections?.count ?? 0)),
      note: `of ${count(total((node) => node.connections?.limit ?? 0))}`,
    },
    { value: count(total((node) => node.rooms ?? 0)), note: 'sum over all nodes' },
    { value: count(total((node) => sum(Object.values(node.refusals ?? {})))), note: `in ${duration(refusalsWithinMs)}` },
  ];
}

function addresses({ isLeader, host, public: open, internal }) {
  return [isLeader && 'Leader', host, open && `public ${open}`, internal && `internal ${internal}`].filter(Boolean).join(', ');
}

function connections({ connections: connected }) {
  if (!connected) return '–';
  const used = Object.entries(connected.byDialect ?? {}).filter(([, clients]) => clients > 0);
  return { text: count(connected.count), note: used.map(([dialect, clients]) => `${dialect} ${count(clients)}`).join(', ') };
}

function storeOfNode({ store }) {
  if (!store) return '–';
  if (store.ready === false) return { text: 'Unusable', note: store.why, badge: true, trouble: true };
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
  if (unusableBy.length === 0) return { text: 'Usable', badge: true };
  return { text: 'Not usable', note: unusableBy.join('; '), badge: true, trouble: true };
}

function space({ server: { used, limit } }) {
  if (!Number.isFinite(used) || !Number.isFinite(limit)) return '–';
  return { text: `${bytes(used)} of ${bytes(limit)}`, note: `${Math.floor((used / Math.max(1, limit)) * 100)} %` };
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}
