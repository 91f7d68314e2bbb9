/** What a person does on a page: input, and leaving the page for another tab or window. */
/** The events of input. Scrolling by a script is no input, but its event has no mark of it. */
const INPUT_EVENTS = ['pointermove', 'pointerdown', 'keydown', 'wheel', 'touchstart', 'touchmove'];
/** Returns the source of a page: of the environment's by default, and of none outside of browsers. */
export function pageActivity(page = browserPage()) {
    return {
        onActivity: (run) => listenTo(page?.window, Object.fromEntries(INPUT_EVENTS.map((type) => [type, run]))),
        onTabSwitch: (run) => (page ? onTabSwitch(page, run) : () => { }),
    };
}
/** A page that is closed, reloaded or left by a link is hidden too, after `pagehide`: that is no switch. */
function onTabSwitch({ window, document }, run) {
    let isLeft = false;
    const stops = [
        listenTo(window, { pagehide: () => (isLeft = true), pageshow: () => (isLeft = false) }),
        listenTo(document, { visibilitychange: () => document.visibilityState === 'hidden' && !isLeft && run() }),
    ];
    return () => stops.forEach((stop) => stop());
}
function listenTo(target, listeners) {
    const options = { capture: true, passive: true };
    for (const [type, listener] of Object.entries(listeners))
        target?.addEventListener(type, listener, options);
    return () => {
        for (const [type, listener] of Object.entries(listeners))
            target?.removeEventListener(type, listener, options);
    };
}
function browserPage() {
    return typeof document === 'undefined' ? null : { window: globalThis, document };
}
