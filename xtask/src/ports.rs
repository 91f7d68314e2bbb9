//! TCP ports on this machine: allocation and readiness.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Below the ephemeral ports, which the system could give to an outgoing connection before the port is used.
const PORTS: Range<u16> = 10_000..32_000;

/// How long to wait for a port: a forked process holds its parent's sockets until it executes its own program.
const FREE_TIMEOUT: Duration = Duration::from_secs(1);

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Returns ports that are free now. No port is returned twice.
pub(crate) fn free_ports(count: usize) -> Result<Vec<u16>> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let span = PORTS.end - PORTS.start;
    // Concurrent processes start at different ports.
    let start = std::process::id() % u32::from(span);
    let candidates = PORTS.map(|_| {
        let offset = start + u32::from(NEXT.fetch_add(1, Ordering::Relaxed) % span);
        PORTS.start + u16::try_from(offset % u32::from(span)).unwrap_or(0)
    });
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let free: Vec<u16> = candidates.filter(is_free).take(count).collect();
    ensure!(free.len() == count, "there are not {count} free ports in {PORTS:?}");
    Ok(free)
}

/// Fails if the port is in use.
pub(crate) fn require_free(port: u16) -> Result<()> {
    let deadline = Instant::now() + FREE_TIMEOUT;
    loop {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => return Ok(()),
            Err(_) if Instant::now() < deadline => sleep(POLL_INTERVAL),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Tells whether a server accepts connections at the port.
pub(crate) fn is_open(port: u16) -> bool {
    connect(port).is_ok()
}

/// Tells whether a GET of the path is answered with status 200.
pub(crate) fn is_ok(port: u16, path: &str) -> bool {
    get(port, path).is_ok_and(|response| response.starts_with("HTTP/1.1 200 "))
}

/// Returns the head and the body of an HTTP response.
pub(crate) fn get(port: u16, path: &str) -> Result<String> {
    let mut stream = connect(port)?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    Ok(response)
}

/// Opens a connection with a read timeout.
pub(crate) fn connect(port: u16) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), ANSWER_TIMEOUT)?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    Ok(stream)
}
