/**
 * Reads what nodes report. Nodes of other versions report too: a field that this page does not know, or that has another
 * form, is left out, and the page shows the rest.
 */

const text = (value) => (typeof value === 'string' ? value : undefined);
const flag = (value) => (typeof value === 'boolean' ? value : undefined);
const number = (value) => (Number.isFinite(value) ? value : undefined);

/** Returns a reader of objects with the fields that `readers` read. */
const object = (readers) => (value) => {
  if (!isObject(value)) return undefined;
  return Object.fromEntries(Object.entries(readers).map(([name, read]) => [name, read(value[name])]));
};

/** Reads numbers by names that the page need not know. */
const numbers = (value) => (isObject(value) ? Object.fromEntries(Object.entries(value).filter(([, one]) => Number.isFinite(one))) : undefined);

const persistence = object({ appendOnly: flag, appendFailing: flag, snapshotFailing: flag, unsavedChanges: number, savedAt: number });

const server = object({
  name: text,
  ready: flag,
  why: text,
  shards: number,
  version: text,
  role: text,
  replicas: number,
  memoryPolicy: text,
  used: number,
  limit: number,
  persistence,
});

/** Reads the servers that have a name, by which nodes are compared. */
const servers = (value) => (Array.isArray(value) ? value.map(server).filter((one) => one?.name !== undefined) : []);

/** Returns the report of a node. The node that answers adds the name, the age, and whether the node is silent. */
export const readReport = object({
  node: text,
  ageMs: number,
  silent: flag,
  version: text,
  revision: text,
  host: text,
  public: text,
  internal: text,
  uptimeSeconds: number,
  ready: flag,
  why: text,
  drain: object({ phase: text, endsWithinMs: number, sockets: number }),
  connections: object({ count: number, limit: number, byDialect: numbers }),
  rooms: number,
  members: number,
  beatLagMs: number,
  refusals: numbers,
  store: object({ ready: flag, why: text, latencyMs: number, servers }),
});

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
