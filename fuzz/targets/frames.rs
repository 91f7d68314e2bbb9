//! A client's frames.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    net::fuzzing::frames(bytes);
});
