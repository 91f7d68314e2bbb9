//! The cookies of a next-auth server.

#![no_main]

libfuzzer_sys::fuzz_target!(|header: &[u8]| {
    access::fuzzing::session_tokens(header);
});
