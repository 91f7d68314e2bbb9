//! Free ports.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

/// The range of allocated ports. It is below the ports of outgoing connections, which could take a port
/// between its allocation and its use.
const PORTS: Range<u16> = 10_000..32_000;

/// Returns a port without a listener, for a process to be started; never the same port twice.
///
/// # Panics
/// If no port is free.
pub fn free_port() -> u16 {
    // A port that is bound to look at it can stay bound: a process forked meanwhile holds it until it executes its own
    // program.
    let is_free = |port: &u16| TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_err();
    candidates().find(is_free).expect("a port is free")
}

/// Listens on a free port and returns it, for a listener of this process.
///
/// Releasing the port and binding it again may fail: a process forked in between holds the port until it
/// executes its own program.
///
/// # Panics
/// If no port is free.
pub(crate) fn listen() -> (TcpListener, u16) {
    let bind = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok().zip(Some(port));
    candidates().find_map(bind).expect("a port is free")
}

/// Returns ports that this process has not returned before.
fn candidates() -> impl Iterator<Item = u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Concurrent test processes start at different ports.
    let begin = std::process::id().wrapping_mul(7919);
    PORTS.map(move |_| {
        let nth = begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % u32::from(PORTS.end - PORTS.start);
        PORTS.start + u16::try_from(nth).expect("below the number of ports")
    })
}
