//! A packet of Socket.IO, and the Rooms event that it contains.

#![no_main]

use wire::Dialect;
use wire::rooms::Rooms;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Some((event, payload)) = net::fuzzing::packet(text) {
        Rooms::parse((&event, payload.as_deref())).ok();
    }
});
