//! Studio over real sockets: what client libraries cannot send, and what happens at the worst moment.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod studio {
    mod adjustments;
    mod bodies;
    mod concurrency;
    mod cross_origin;
    mod events;
    mod inputs;
    mod lists;
    mod member;
    mod missed_events;
    mod outages;
    mod repetitions;
    mod slow_readers;
}
