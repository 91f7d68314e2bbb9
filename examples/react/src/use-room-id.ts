import { useSyncExternalStore } from 'react';

const PREFIX = '#room=';

const subscribe = (listener: () => void) => {
  addEventListener('hashchange', listener);
  return () => removeEventListener('hashchange', listener);
};

/** The room that the address of the page names, so that a link invites to it. The ids of rooms are safe in URLs. */
export function useRoomId(): [string | null, (roomId: string | null) => void] {
  const hash = useSyncExternalStore(subscribe, () => location.hash);
  const roomId = hash.startsWith(PREFIX) ? hash.slice(PREFIX.length) : null;
  const setRoomId = (next: string | null) => (location.hash = next === null ? '' : PREFIX + next);
  return [roomId || null, setRoomId];
}
