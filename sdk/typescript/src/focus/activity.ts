/** What a person does on a page: input, and leaving the page for another tab or window. */

/** Reports activity and tab switches. An application can have its own, for example outside of browsers. */
export interface ActivitySource {
  /** Calls `run` at each input; returns a function that ends it. */
  onActivity(run: () => void): () => void;
  /** Calls `run` when the person leaves the page for another one; returns a function that ends it. */
  onTabSwitch(run: () => void): () => void;
}

/** The parts of `window` and `document` that tell what a person does. */
export interface ActivityPage {
  readonly window: Pick<EventTarget, 'addEventListener' | 'removeEventListener'>;
  readonly document: Pick<EventTarget, 'addEventListener' | 'removeEventListener'> & { readonly visibilityState: string };
}

/** The events of input. Scrolling by a script is no input, but its event has no mark of it. */
const INPUT_EVENTS = ['pointermove', 'pointerdown', 'keydown', 'wheel', 'touchstart', 'touchmove'];

/** Returns the source of a page: of the environment's by default, and of none outside of browsers. */
export function pageActivity(page: ActivityPage | null = browserPage()): ActivitySource {
  return {
    onActivity: (run) => listenTo(page?.window, Object.fromEntries(INPUT_EVENTS.map((type) => [type, run]))),
    onTabSwitch: (run) => (page ? onTabSwitch(page, run) : () => {}),
  };
}

/** A page that is closed, reloaded or left by a link is hidden too, after `pagehide`: that is no switch. */
function onTabSwitch({ window, document }: ActivityPage, run: () => void): () => void {
  let isLeft = false;
  const stops = [
    listenTo(window, { pagehide: () => (isLeft = true), pageshow: () => (isLeft = false) }),
    listenTo(document, { visibilitychange: () => document.visibilityState === 'hidden' && !isLeft && run() }),
  ];
  return () => stops.forEach((stop) => stop());
}

function listenTo(target: ActivityPage['window'] | undefined, listeners: Record<string, () => void>): () => void {
  const options = { capture: true, passive: true };
  for (const [type, listener] of Object.entries(listeners)) target?.addEventListener(type, listener, options);
  return () => {
    for (const [type, listener] of Object.entries(listeners)) target?.removeEventListener(type, listener, options);
  };
}

function browserPage(): ActivityPage | null {
  return typeof document === 'undefined' ? null : { window: globalThis as unknown as EventTarget, document };
}
