//! A time synchronization request.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    wire::answer_time_sync(bytes, None);
    wire::answer_time_sync(bytes, Some(timers::Timestamp(1)));
});
