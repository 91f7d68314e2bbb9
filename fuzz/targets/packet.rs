//! A packet of Socket.IO.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    gateway::fuzzing::packet(text);
});
