//! Free ports.

use std::net::TcpListener;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

/// The ports that are handed out: below those that the system gives to outgoing connections, which would
/// take a port between its finding and its use.
const PORTS: Range<u16> = 10_000..32_000;

/// Finds a port that nobody listens on, and never the same twice: for a process that is to be started.
///
/// # Panics
/// If there is none.
pub fn free_port() -> u16 {
    listen().1
}

/// Listens on a free port and returns it, for a listener of this process.
///
/// Who lets the port go and takes it again may find it taken: a process that was forked off in between
/// holds it until it executes its own program.
///
/// # Panics
/// If there is none.
pub(crate) fn listen() -> (TcpListener, u16) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Processes that test side by side begin at different places.
    let begin = std::process::id().wrapping_mul(7919);
    for _ in PORTS {
        let nth = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % u32::from(PORTS.end - PORTS.start);
        let port = PORTS.start + u16::try_from(nth).expect("below the number of ports");
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            return (listener, port);
        }
    }
    panic!("no port of {PORTS:?} is free")
}
