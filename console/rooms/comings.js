/** Says who has come and gone, gathered: a room may have a thousand. */

const GATHER_MS = 1_500;

/** More names than this are only counted. */
const NAMED = 2;

export function createComings(announce, later = setTimeout) {
  let gathered = { joined: [], left: [] };
  let waits = false;

  return function heard({ type, payload }) {
    gathered[type === 'session:user-joined' ? 'joined' : 'left'].push(payload.client.name);
    if (waits) return;
    waits = true;
    later(() => {
      waits = false;
      announce([says(gathered.joined, 'joined'), says(gathered.left, 'left')].filter(Boolean).join(' '));
      gathered = { joined: [], left: [] };
    }, GATHER_MS);
  };
}

function says(names, verb) {
  if (names.length === 0) return '';
  if (names.length > NAMED) return `${names.length} people have ${verb}.`;
  return `${names.join(' and ')} ${names.length === 1 ? 'has' : 'have'} ${verb}.`;
}
