/** The texts of the page, and how it writes numbers and durations. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const UNITS = [
  [DAY, 'd'],
  [HOUR, 'h'],
  [MINUTE, 'min'],
  [SECOND, 's'],
];

/** Why clients were refused: the labels of the metric `tickcast_refusals_total`. */
const REFUSALS = {
  connections: 'The node has as many connections as limits.connections allows',
  stopping: 'The node is stopping',
  polls: 'Too many long polls wait on the node',
  connections_of_user: 'A user has as many connections as limits.connections_per_user allows',
  connections_of_address: 'An address has as many connections as limits.connections_per_address allows',
  messages: 'A client sends more messages than limits.messages_per_second allows',
  signals: 'A client sends more signals than it may, and is read more slowly',
  message_bytes: 'A message is larger than limits.message_bytes',
  head_bytes: 'The head of a request is larger than limits.head_bytes',
  body_bytes: 'The body of a request is too large',
  bodies: 'Too many large bodies at once on the node',
  bodies_of_user: 'Too many large bodies of one user at once',
  bodies_of_address: 'Too many large bodies of one address at once',
  time: 'A request or a first message did not arrive in time',
  imports_of_user: 'A user imports more often than limits.imports_per_user allows',
  imports_of_address: 'An address imports more often than limits.imports_per_address allows',
  origin: 'The page of another origin than public.origins lists',
  unauthorized: 'A token or a session was missing, wrong or expired',
  unidentified: 'Tokens or sessions could not be checked',
  quota: 'A command exceeds a quota of what one may store',
};

export function refusalText(reason) {
  return REFUSALS[reason] ?? 'A reason that this version does not know';
}

export function count(number) {
  return Number.isFinite(number) ? number.toLocaleString() : '–';
}

export function milliseconds(ms) {
  if (!Number.isFinite(ms)) return '–';
  return `${ms < 10 ? Math.round(ms * 10) / 10 : Math.round(ms)}\u00a0ms`;
}

/** Writes a duration by its two largest units, without a second one of zero. */
export function duration(ms) {
  if (!Number.isFinite(ms)) return '–';
  const at = UNITS.findIndex(([unit]) => ms >= unit);
  if (at < 0) return '0 s';
  const [unit, name] = UNITS[at];
  const [smaller, smallerName] = UNITS[at + 1] ?? [unit, ''];
  const rest = Math.floor((ms % unit) / smaller);
  return `${Math.floor(ms / unit)} ${name}${rest > 0 ? ` ${rest} ${smallerName}` : ''}`;
}

export function bytes(number) {
  if (!Number.isFinite(number)) return '–';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let value = number;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** The state of a node: a word for programs, a text for people, and whether somebody should look. */
export function nodeState(node) {
  if (node.silent) {
    return { state: 'silent', text: `Silent for ${duration(node.ageMs)}`, note: 'It is dead, or cannot reach the store', trouble: true };
  }
  if (node.drain) {
    const left = Math.max(0, node.drain.endsWithinMs - node.ageMs);
    const phase = node.drain.phase === 'closing' ? 'Closing sockets' : 'Stopping';
    const sockets = node.drain.sockets === 1 ? '1 socket' : `${count(node.drain.sockets)} sockets`;
    return { state: 'draining', text: phase, note: `${sockets} left, closed within ${duration(left)}`, trouble: true };
  }
  if (node.ready === false) return { state: 'unready', text: 'Not ready', note: node.why, trouble: true };
  return { state: 'ready', text: 'Ready', note: '', trouble: false };
}

export function persistence(server) {
  const { persistence: kept } = server;
  if (!kept) return '–';
  // Of a server that has never made a snapshot, it is the instant of its start.
  const saved = kept.savedAt ? ` since ${new Date(kept.savedAt * 1000).toLocaleString()}` : '';
  const changes = kept.unsavedChanges === 1 ? '1 change' : `${count(kept.unsavedChanges)} changes`;
  const note = `${kept.snapshotFailing ? 'The last snapshot failed; ' : ''}${changes} in no snapshot${saved}`;
  const text = kept.appendOnly ? (kept.appendFailing ? 'Append-only file fails' : 'Append-only file') : 'No append-only file';
  const trouble = kept.appendFailing || kept.snapshotFailing;
  return { text, note, badge: trouble, trouble };
}

export function role(server) {
  if (!server.role) return '–';
  const name = { master: 'Primary', slave: 'Replica' }[server.role] ?? server.role;
  if (!Number.isFinite(server.replicas)) return name;
  return `${name}, ${server.replicas === 1 ? '1 replica' : `${server.replicas} replicas`}`;
}
