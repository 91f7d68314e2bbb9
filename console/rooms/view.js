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
  const refusal = el('p', { class: 'refusal', 'data-refusal': true, tabindex: '-1', hidden: true });
  const why = el('p', { class: 'muted' });
  const cancel = el('button', { type: 'button', class: 'secondary', click: leave }, 'Cancel');
  const waiting = el('div', { class: 'blank', tabindex: '-1' }, el('p', {}, 'Waiting for the server…'), why, cancel);
  const countdown = createCountdown({ drive });
  const people = createPeople();
  const share = createShare({ announce });
  const leaveButton = el('button', { type: 'button', class: 'quiet', click: leave }, 'Leave the room');
  const aside = el('aside', { class: 'room-aside' }, share.node, people.node, leaveButton);
  const room = el('div', { class: 'page room', hidden: true }, countdown.node, aside);
  main.replaceChildren(refusal, waiting, door.node, room);

  function refuse(refused) {
    const text = refused ? (REFUSED[refused.code] ?? refused.message) : '';
    const isNew = text !== '' && text !== refusal.textContent;
    setText(refusal, text);
    setShown(refusal, text !== '');
    if (!isNew) return;
    announce(text);
    refusal.focus();
  }

  return {
    update({ room: there, state, ms, isUp, refused, delayed, wanted, fresh, drives, online }) {
      const outside = !there && (!wanted || refused);
      const begins = there && room.hidden;
      setShown(room, Boolean(there), main);
      setShown(waiting, !there && !outside, main);
      setShown(door.node, outside, main);
      refuse(refused);
      setText(why, delayed?.message ? `${delayed.message} It is tried again.` : '');
      door.update({ online });
      if (!there) return;
      countdown.update({ state, ms, isUp, fresh, drives });
      people.update(there);
      share.update(there.sessionId);
      // Whoever has just pressed a button that is gone goes on at the countdown.
      if (begins && document.activeElement === main) countdown.focus();
    },
  };
}
