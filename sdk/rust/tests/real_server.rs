//! Clients against real nodes.

#![allow(clippy::unwrap_used, reason = "a test fails when it cannot continue")]

mod real_server {
    mod client;
    mod clockit;
    mod examples;
    mod focus;
    mod history;
    mod outbox;
    mod punch_clock;
    mod restart;
    mod rooms;
    mod studio;
    mod tokens;
}
