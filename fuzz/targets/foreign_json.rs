//! A session of a web server, or an issuer's key set.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    access::fuzzing::foreign_json(bytes);
});
