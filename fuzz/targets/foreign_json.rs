//! A session of a web server, or a set of keys of an issuer.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    gateway::fuzzing::foreign_json(bytes);
});
