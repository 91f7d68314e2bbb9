//! A token of a client.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    gateway::fuzzing::token(text);
});
