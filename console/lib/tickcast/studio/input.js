/** Returns an input as the server reads it: dates are texts. */
export function asJson(input) {
    return JSON.parse(JSON.stringify(input));
}
