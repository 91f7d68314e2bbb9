//! Free ports.

use std::net::TcpListener;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

/// The ports that are handed out: below those that the system gives to outgoing connections, which would
/// take a port between its finding and its use.
const PORTS: Range<u16> = 10_000..32_000;

/// Finds a port that nobody listens on, and never the same twice.
///
/// # Panics
/// If there is none.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Processes that test side by side begin at different places.
    let begin = std::process::id().wrapping_mul(7919);
    for _ in PORTS {
        let nth = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % u32::from(PORTS.end - PORTS.start);
        let port = PORTS.start + u16::try_from(nth).expect("below the number of ports");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port of {PORTS:?} is free")
}
