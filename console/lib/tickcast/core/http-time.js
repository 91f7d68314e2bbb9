/** The server's time over HTTP, by `POST /timesync`. */
import { httpUrl } from './endpoint.js';
const RESPONSE_TIMEOUT_MS = 5_000;
/** Returns a function that asks a server for its time. It rejects if there is no answer. */
export function httpTime(url, send = (...request) => fetch(...request)) {
    return async () => {
        const response = await send(httpUrl(url, 'timesync'), {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ jsonrpc: '2.0', id: '1', method: 'timesync' }),
            signal: AbortSignal.timeout(RESPONSE_TIMEOUT_MS),
        });
        const { result } = await response.json();
        if (typeof result !== 'number')
            throw new Error('timesync returned no time');
        return result;
    };
}
