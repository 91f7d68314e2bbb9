//! A message of Clockit.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    wire::clockit::parse(text).ok();
});
