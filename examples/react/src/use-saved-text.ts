import { useState } from 'react';

/** A text that survives a reload, where the browser allows it. */
export function useSavedText(key: string): [string, (text: string) => void] {
  const [text, setText] = useState(() => attempt(() => localStorage.getItem(key)) ?? '');
  const save = (next: string) => {
    setText(next);
    attempt(() => localStorage.setItem(key, next));
  };
  return [text, save];
}

function attempt<T>(run: () => T): T | null {
  try {
    return run();
  } catch {
    return null;
  }
}
