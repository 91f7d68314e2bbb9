//! A client's token.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    access::fuzzing::token(text);
});
