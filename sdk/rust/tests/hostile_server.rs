//! Clients against servers on real sockets that misbehave.

#![allow(clippy::unwrap_used, reason = "a test fails when it cannot continue")]

mod hostile_server {
    mod server;
    mod sockets;
    mod systems;
}
