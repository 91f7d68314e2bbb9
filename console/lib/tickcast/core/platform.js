/** What the library takes from its environment. An application can replace parts of it, and tests replace all. */
/** The browser, or Node. */
export const defaultPlatform = {
    now: () => Date.now(),
    random: () => Math.random(),
    randomId: () => randomId(),
    setTimeout: (run, ms) => setTimeout(run, ms),
    clearTimeout: (timer) => clearTimeout(timer),
    onWake: (run) => {
        const whenVisible = () => {
            if (document.visibilityState === 'visible')
                run();
        };
        return listen([
            [globalThis, 'online', run],
            // A page that returns from the back/forward cache has lost its sockets.
            [globalThis, 'pageshow', run],
            [globalThis.document, 'visibilitychange', whenVisible],
        ]);
    },
    onHide: (run) => listen([[globalThis, 'pagehide', run]]),
};
/** Returns a random UUID. `crypto.randomUUID` exists only in secure contexts, not on a page over plain HTTP. */
export function randomId(source = globalThis.crypto) {
    if ('randomUUID' in source)
        return source.randomUUID();
    const bytes = source.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
/** Outside browsers there is nothing to listen to. */
function listen(all) {
    if (typeof document === 'undefined')
        return () => { };
    for (const [target, type, listener] of all)
        target?.addEventListener?.(type, listener);
    return () => {
        for (const [target, type, listener] of all)
            target?.removeEventListener?.(type, listener);
    };
}
