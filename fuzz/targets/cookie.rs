//! A cookie of a web server.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    access::fuzzing::cookie(text);
});
