/** All errors of the library, as one discriminated union. None of them is thrown. */
export {};
