/** Shows how the link is: a chip in the head, and a bar with a way out while it is down. */
import { el, setAttribute, setShown, setText } from '../dom.js';
import { plural } from '../format.js';

const COUNTDOWN_MS = 250;

const REFUSED = {
  unauthorised: {
    name: 'Not authorised',
    text: 'Not authorised. The server does not accept this user or token. Get a new link or switch user.',
  },
  forbidden: { name: 'Not allowed', text: 'Not allowed. The server does not let this user follow timers from here.' },
};

/** `runsOn` says what becomes of that which the page shows while the link is down. */
export function createLink({ root, chip, chipText, bar, announce, refuge, onRetry, runsOn, now = Date.now }) {
  const reason = el('p', { class: 'bar-reason' });
  const countdown = el('p', { class: 'bar-countdown' });
  const waiting = el('p', { class: 'bar-waiting' });
  const retry = el('button', { type: 'button', class: 'primary', click: onRetry }, 'Retry now');
  bar.append(el('div', { class: 'bar-text' }, reason, countdown, waiting), retry);
  chip.hidden = false;
  let last = { phase: 'connecting' };
  let everLost = false;

  setInterval(() => showCountdown(), COUNTDOWN_MS);

  function showCountdown() {
    if (last.phase === 'connecting') return setText(countdown, 'Trying to connect…');
    if (last.retryAt === undefined) return setText(countdown, '');
    const seconds = Math.max(0, Math.ceil((last.retryAt - now()) / 1000));
    setText(countdown, `Next try in ${plural(seconds, 'second')}`);
  }

  return function update({ link, quiet, loaded, pending }) {
    if (link !== last) tell(link);
    last = link;
    everLost ||= link.phase === 'offline';
    setAttribute(root, 'data-connection', link.phase);
    setAttribute(root, 'data-fresh', link.phase === 'online' && !quiet);
    setText(chipText, nameOf(link, quiet));
    setText(reason, REFUSED[link.refused]?.text ?? (loaded ? `Offline. ${runsOn}` : 'Offline. The server cannot be reached.'));
    setText(waiting, pending > 0 ? `${plural(pending, 'change')} will be sent when back` : '');
    setAttribute(retry, 'aria-disabled', link.phase === 'connecting' ? 'true' : null);
    setText(retry, link.refused ? 'Try again' : 'Retry now');
    showCountdown();
    setShown(bar, link.phase !== 'online' && everLost, refuge);
  };

  function tell(link) {
    if (link.refused) announce(REFUSED[link.refused].text);
    else if (link.phase === 'offline' && !everLost) announce('Offline. Trying again by itself.');
    else if (link.phase === 'offline' && last.phase === 'online') announce('Connection lost. Trying again by itself.');
    else if (link.phase === 'online') announce(everLost ? 'Connected again.' : 'Connected.');
  }
}

function nameOf(link, quiet) {
  if (link.refused) return REFUSED[link.refused].name;
  if (link.phase === 'online') return quiet ? 'No ticks' : 'Online';
  return link.phase === 'connecting' ? 'Connecting' : 'Offline';
}
