/** The rooms page: the form to join, or the room. Keeps no model of its own. */
import { el, setAttribute, setText, setVisible } from '../dom.js';
import { t } from '../i18n/translate.js';
import { hashOfDisplay, hashOfRoom } from '../route.js';
import { createCountdownView } from './countdown-view.js';
import { joinErrorText } from './join-error.js';
import { createJoinForm } from './join-form.js';
import { createMemberList } from './member-list.js';
import { createShareLink } from './share-link.js';

export function createRoomsView({ main, storage, create, openRoom, leave, sendCommand, announce }) {
  const joinForm = createJoinForm({ storage, create, openRoom });
  const errorBox = el('p', { class: 'join-error', 'data-join-error': true, tabindex: '-1', hidden: true });
  const retryText = el('p', { class: 'muted' });
  const cancel = el('button', { type: 'button', class: 'secondary', click: leave }, t('rooms.cancel'));
  const loading = el('div', { class: 'loading', tabindex: '-1' }, el('p', {}, t('rooms.loading')), retryText, cancel);
  const countdown = createCountdownView({ sendCommand });
  const members = createMemberList();
  const shareLink = createShareLink({ id: 'room-link', label: t('rooms.share.label'), hashOf: hashOfRoom, announce });
  const openDisplay = el('a', { class: 'tertiary', target: '_blank', rel: 'noopener' }, t('display.open'));
  const displayLink = createShareLink({ id: 'display-link', label: t('display.link'), hashOf: hashOfDisplay, announce, extra: openDisplay });
  const leaveButton = el('button', { type: 'button', class: 'tertiary', click: leave }, t('rooms.leave'));
  const aside = el('aside', { class: 'room-aside' }, shareLink.node, displayLink.node, members.node, leaveButton);
  const roomNode = el('div', { class: 'page room', hidden: true }, countdown.node, aside);
  main.replaceChildren(errorBox, loading, joinForm.node, roomNode);

  function renderJoinError(error) {
    const text = error ? joinErrorText(error) : '';
    const isNew = text !== '' && text !== errorBox.textContent;
    setText(errorBox, text);
    setVisible(errorBox, text !== '');
    if (!isNew) return;
    announce(text);
    errorBox.focus();
  }

  return {
    update({ room, state, ms, timeUp, joinError, lastJoinError, target, fresh, canSendCommands, online }) {
      const showsJoinForm = !room && (!target || joinError);
      const isEntering = room && roomNode.hidden;
      setVisible(roomNode, Boolean(room), main);
      setVisible(loading, !room && !showsJoinForm, main);
      setVisible(joinForm.node, showsJoinForm, main);
      renderJoinError(joinError);
      setText(retryText, lastJoinError?.message ? t('rooms.retrying', { message: lastJoinError.message }) : '');
      joinForm.update({ online });
      if (!room) return;
      countdown.update({ state, ms, timeUp, fresh, canSendCommands });
      members.update(room);
      shareLink.update(room.sessionId);
      displayLink.update(room.sessionId);
      setAttribute(openDisplay, 'href', hashOfDisplay(room.sessionId));
      // A button that had the focus is hidden now, so the focus moves on to the countdown.
      if (isEntering && document.activeElement === main) countdown.focus();
    },
  };
}
