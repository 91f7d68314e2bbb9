/** One socket of a client, from its dial to its end, whatever its transport. */
export {};
