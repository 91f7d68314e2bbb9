/** The rooms page: the way in, or the room. Holds no state of its own. */
import { el, setShown, setText } from '../dom.js';
import { createCountdown } from './face.js';
import { createDoor } from './door.js';
import { createPeople } from './people.js';
import { createShare } from './share.js';

const REFUSED = {
  SESSION_NOT_FOUND: 'There is no such room, or it has ended. Rooms end when they were empty for a while.',
  ROOM_FULL: 'This room is full.',
};

export function createView({ main, memory, create, visit, leave, drive, announce }) {
  const door = createDoor({ memory, create, visit });
  const refusal = el('p', { class: 'refusal', 'data-refusal': true, tabindex: '-1' });
  const waiting = el('p', { class: 'blank' }, 'Waiting for the server…');
  const countdown = createCountdown({ drive });
  const people = createPeople();
  const share = createShare({ announce });
  const leaveButton = el('button', { type: 'button', class: 'quiet', click: leave }, 'Leave the room');
  const aside = el('aside', { class: 'room-aside' }, share.node, people.node, leaveButton);
  const room = el('div', { class: 'page room', hidden: true }, countdown.node, aside);
  main.replaceChildren(refusal, waiting, door.node, room);

  return {
    update({ room: there, state, ms, refused, wanted, online, fresh, completedAt }) {
      const outside = !there && (!wanted || refused);
      setText(refusal, refused ? (REFUSED[refused.code] ?? refused.message) : '');
      setShown(refusal, Boolean(refused));
      setShown(door.node, outside);
      setShown(waiting, !there && !outside);
      setShown(room, Boolean(there), main);
      door.update({ online });
      if (!there) return;
      countdown.update({ state, ms, online, fresh, completedAt });
      people.update(there);
      share.update(there.sessionId);
    },
  };
}
