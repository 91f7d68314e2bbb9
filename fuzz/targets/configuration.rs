//! A configuration file.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    gateway::fuzzing::configuration(text);
});
