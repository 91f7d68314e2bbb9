//! A header set by a proxy or a browser.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    net::fuzzing::forwarded_headers(bytes);
    if let Ok(text) = str::from_utf8(bytes) {
        access::fuzzing::origin(text);
    }
});
