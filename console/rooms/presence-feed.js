/** Announces joining and leaving members, batched because a room may have a thousand. */

const BATCH_MS = 1_500;

/** More names than this are only counted. */
const NAMES_MAX = 2;

export function createPresenceFeed(announce, schedule = setTimeout) {
  let batch = { joined: [], left: [] };
  let isScheduled = false;

  return function add({ type, payload }) {
    batch[type === 'session:user-joined' ? 'joined' : 'left'].push(payload.client.name);
    if (isScheduled) return;
    isScheduled = true;
    schedule(() => {
      isScheduled = false;
      announce([describe(batch.joined, 'joined'), describe(batch.left, 'left')].filter(Boolean).join(' '));
      batch = { joined: [], left: [] };
    }, BATCH_MS);
  };
}

function describe(names, verb) {
  if (names.length === 0) return '';
  if (names.length > NAMES_MAX) return `${names.length} people have ${verb}.`;
  return `${names.join(' and ')} ${names.length === 1 ? 'has' : 'have'} ${verb}.`;
}
