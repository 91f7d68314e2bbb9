const PARTS_PER_CENT = 60n;
/** Returns the length of an entry in minutes, rounded half up. */
export function wholeMinutes(durationMs) {
    return Math.floor(durationMs / 60_000 + 0.5);
}
/** Returns the cost of some minutes at a rate, which is a decimal number with two decimals, such as `"75.00"`. */
export function costOf(durationMinutes, hourlyRate) {
    const parts = BigInt(durationMinutes) * BigInt(hourlyRate.replace('.', ''));
    const cents = (parts + PARTS_PER_CENT / 2n) / PARTS_PER_CENT;
    return {
        hours: Math.floor(durationMinutes / 60),
        minutes: durationMinutes % 60,
        cost: Number(parts) / 6_000,
        formattedCost: `$${cents / 100n}.${String(cents % 100n).padStart(2, '0')}`,
    };
}
