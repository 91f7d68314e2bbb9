//! Ports: free ones, and what is behind them.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Below those that the system gives to outgoing connections, which would take a port between its finding and its use.
const PORTS: Range<u16> = 10_000..32_000;

/// How long a port is waited for: a process that was just forked off holds it until it executes its own program.
const FREE_WITHIN: Duration = Duration::from_secs(1);

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Returns so many ports that are free now, and never the same twice.
pub(crate) fn free_ports(count: usize) -> Result<Vec<u16>> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let span = PORTS.end - PORTS.start;
    // Processes that run side by side begin at different places.
    let begin = std::process::id() % u32::from(span);
    let tried = PORTS.map(|_| {
        let nth = begin + u32::from(NEXT.fetch_add(1, Ordering::Relaxed) % span);
        PORTS.start + u16::try_from(nth % u32::from(span)).unwrap_or(0)
    });
    let free: Vec<u16> = tried.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).take(count).collect();
    ensure!(free.len() == count, "{count} ports of {PORTS:?} are not free");
    Ok(free)
}

/// It is an error if somebody has the port.
pub(crate) fn is_free(port: u16) -> Result<()> {
    let end = Instant::now() + FREE_WITHIN;
    loop {
        match TcpListener::bind(("127.0.0.1", port)) {
            Ok(_) => return Ok(()),
            Err(_) if Instant::now() < end => sleep(LOOK_EVERY),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Tells whether somebody listens.
pub(crate) fn listens(port: u16) -> bool {
    TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), ANSWER_WITHIN).is_ok()
}

/// Tells whether a path is answered 200.
pub(crate) fn answers(port: u16, path: &str) -> bool {
    get(port, path).is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 "))
}

/// Reads head and body.
pub(crate) fn get(port: u16, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), ANSWER_WITHIN)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
