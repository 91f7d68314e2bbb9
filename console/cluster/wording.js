/** The texts of the page, and how it writes numbers and durations. */
import { locale, t } from '../i18n/translate.js';

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

const UNKNOWN = '–';

/** Why clients were refused: the labels of the metric `tickcast_refusals_total`. */
const REFUSALS = {
  connections: 'cluster.refusal.connections',
  stopping: 'cluster.refusal.stopping',
  polls: 'cluster.refusal.polls',
  connections_of_user: 'cluster.refusal.connections_of_user',
  connections_of_address: 'cluster.refusal.connections_of_address',
  messages: 'cluster.refusal.messages',
  signals: 'cluster.refusal.signals',
  message_bytes: 'cluster.refusal.message_bytes',
  head_bytes: 'cluster.refusal.head_bytes',
  body_bytes: 'cluster.refusal.body_bytes',
  bodies: 'cluster.refusal.bodies',
  bodies_of_user: 'cluster.refusal.bodies_of_user',
  bodies_of_address: 'cluster.refusal.bodies_of_address',
  time: 'cluster.refusal.time',
  imports_of_user: 'cluster.refusal.imports_of_user',
  imports_of_address: 'cluster.refusal.imports_of_address',
  origin: 'cluster.refusal.origin',
  unauthorized: 'cluster.refusal.unauthorized',
  unidentified: 'cluster.refusal.unidentified',
  quota: 'cluster.refusal.quota',
};

const ROLES = { master: 'cluster.server.primary', slave: 'cluster.server.replica' };

export function refusalText(reason) {
  return t(Object.hasOwn(REFUSALS, reason) ? REFUSALS[reason] : 'cluster.refusal.other');
}

export function count(number) {
  return Number.isFinite(number) ? number.toLocaleString(locale()) : UNKNOWN;
}

export function milliseconds(ms) {
  if (!Number.isFinite(ms)) return UNKNOWN;
  return `${ms.toLocaleString(locale(), { maximumFractionDigits: ms < 10 ? 1 : 0 })}\u00a0ms`;
}

/** Writes a duration by its two largest units, without a second one of zero. */
export function duration(ms) {
  if (!Number.isFinite(ms)) return UNKNOWN;
  const at = UNITS.findIndex(([unit]) => ms >= unit);
  if (at < 0) return '0 s';
  const [unit, name] = UNITS[at];
  const [smaller, smallerName] = UNITS[at + 1] ?? [unit, ''];
  const rest = Math.floor((ms % unit) / smaller);
  return `${Math.floor(ms / unit)} ${name}${rest > 0 ? ` ${rest} ${smallerName}` : ''}`;
}

export function bytes(number) {
  if (!Number.isFinite(number)) return UNKNOWN;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let value = number;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toLocaleString(locale(), { maximumFractionDigits: value < 10 && unit > 0 ? 1 : 0 })} ${units[unit]}`;
}

/** The state of a node: a word for programs, a text and a note for people, and whether somebody should look. */
export function nodeState(node) {
  if (node.silent) {
    const text = t('cluster.state.silent', { time: duration(node.ageMs) });
    return { state: 'silent', text, note: t('cluster.state.silentHint'), trouble: true };
  }
  if (node.drain) {
    const text = t(node.drain.phase === 'closing' ? 'cluster.state.closing' : 'cluster.state.leaving');
    const left = Math.max(0, node.drain.endsWithinMs - node.ageMs);
    const note = t('cluster.sockets', { count: node.drain.sockets, time: duration(left) });
    return { state: 'draining', text, note, trouble: true };
  }
  if (node.ready === false) return { state: 'unready', text: t('cluster.state.unready'), note: node.why, trouble: true };
  if (node.ready === undefined) return { state: 'unknown', text: t('cluster.state.unknown'), note: t('cluster.state.unknownHint'), trouble: true };
  return { state: 'ready', text: t('cluster.state.ready'), note: '', trouble: false };
}

export function persistence(server) {
  const { persistence: kept } = server;
  if (!kept) return UNKNOWN;
  const file = kept.appendFailing ? 'cluster.kept.appendFails' : 'cluster.kept.append';
  // Of a server that has never made a snapshot, it is the instant of its start.
  const time = kept.savedAt ? new Date(kept.savedAt * 1000).toLocaleString(locale()) : UNKNOWN;
  const unsaved = t('cluster.kept.unsaved', { count: kept.unsavedChanges, time });
  const note = kept.snapshotFailing ? `${t('cluster.kept.snapshotFailed')}; ${unsaved}` : unsaved;
  const trouble = kept.appendFailing || kept.snapshotFailing;
  return { text: t(kept.appendOnly ? file : 'cluster.kept.noAppend'), note, badge: trouble, trouble };
}

export function role(server) {
  if (!server.role) return UNKNOWN;
  const name = Object.hasOwn(ROLES, server.role) ? t(ROLES[server.role]) : server.role;
  return Number.isFinite(server.replicas) ? t('cluster.server.replicas', { role: name, count: server.replicas }) : name;
}
