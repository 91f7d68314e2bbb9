//! A message of the Clockit dialects.

#![no_main]

use wire::Dialect;
use wire::clockit::{Seed, V1};

libfuzzer_sys::fuzz_target!(|text: &str| {
    Seed::parse(text).ok();
    V1::parse(text).ok();
});
