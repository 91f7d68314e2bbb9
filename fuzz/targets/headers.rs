//! A header of a proxy, or of a page.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    gateway::fuzzing::headers(bytes);
});
