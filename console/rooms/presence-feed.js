/** Announces joining and leaving members, batched because a room may have a thousand. */
import { listed, t } from '../i18n/translate.js';

const BATCH_MS = 1_500;

/** More names than this are only counted. */
const NAMES_MAX = 2;

const JOINED = { few: 'rooms.presence.joined', many: 'rooms.presence.manyJoined' };
const LEFT = { few: 'rooms.presence.left', many: 'rooms.presence.manyLeft' };

export function createPresenceFeed(announce, schedule = setTimeout) {
  let batch = { joined: [], left: [] };
  let isScheduled = false;

  return function add({ type, payload }) {
    batch[type === 'session:user-joined' ? 'joined' : 'left'].push(payload.client.name);
    if (isScheduled) return;
    isScheduled = true;
    schedule(() => {
      isScheduled = false;
      announce([describe(batch.joined, JOINED), describe(batch.left, LEFT)].filter(Boolean).join(' '));
      batch = { joined: [], left: [] };
    }, BATCH_MS);
  };
}

function describe(names, { few, many }) {
  if (names.length === 0) return '';
  return names.length > NAMES_MAX ? t(many, { count: names.length }) : t(few, { names: listed(names), count: names.length });
}
