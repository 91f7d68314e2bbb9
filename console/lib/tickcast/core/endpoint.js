/** The characters of a WebSocket subprotocol (RFC 9110, `token`). */
const SUBPROTOCOL = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Returns the HTTP URL of an endpoint. `base` is the server's URL, with a path prefix if there is one. */
export function httpUrl(base, path, query = {}) {
    const url = new URL(base);
    url.protocol = url.protocol.replace(/^ws/, 'http');
    url.pathname = `${url.pathname.replace(/\/$/, '')}/${path}`;
    url.search = new URLSearchParams(query).toString();
    url.hash = '';
    return url;
}
/** Returns where a WebSocket leads. A token goes into a subprotocol, which proxies do not log, if it can. */
export function webSocketTarget(url, identity) {
    const target = new URL(url);
    target.protocol = target.protocol.replace(/^http/, 'ws');
    const { userId, token } = identity;
    if (userId !== undefined)
        target.searchParams.set('userId', userId);
    if (token === undefined)
        return { url: target.href };
    if (SUBPROTOCOL.test(token))
        return { url: target.href, protocols: ['tickcast', `bearer.${token}`] };
    target.searchParams.set('token', token);
    return { url: target.href };
}
