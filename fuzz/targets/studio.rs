//! The input of a Studio procedure, and a rate.

#![no_main]

use timers::studio::Rate;
use wire::studio::{Procedure, StudioRequest};

libfuzzer_sys::fuzz_target!(|text: &str| {
    for procedure in Procedure::ALL {
        StudioRequest::read(*procedure, Some(text), "7").ok();
    }
    if let Ok(rate) = text.parse::<Rate>() {
        assert_eq!(rate.to_string().parse(), Ok(rate), "a rate is read back as written");
    }
});
