//! Who reads what nodes tell: a collector that takes all and keeps nothing, and somebody who fetches figures.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Result;

/// How often figures are fetched: three times as often as Prometheus usually does.
const FETCHED_EVERY: Duration = Duration::from_secs(5);

/// How soon it is seen that nothing more is to be fetched.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A collector; it ends with the process.
pub(super) struct Collector {
    port: u16,
    taken: Arc<AtomicU64>,
}

impl Collector {
    pub(super) fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (port, taken) = (listener.local_addr()?.port(), Arc::<AtomicU64>::default());
        let count = Arc::clone(&taken);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let count = Arc::clone(&count);
                // A node that goes is none of its concern.
                thread::spawn(move || take(client, &count).ok());
            }
        });
        Ok(Self { port, taken })
    }

    /// Where spans are sent.
    pub(super) fn address(&self) -> String {
        format!("http://127.0.0.1:{}/v1/traces", self.port)
    }

    /// How many bytes it was sent.
    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }
}

fn take(client: TcpStream, count: &AtomicU64) -> Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut writer = client;
    loop {
        let (mut length, mut line) = (0, String::new());
        while reader.read_line(&mut line)? > 2 {
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
            line.clear();
        }
        if line.is_empty() {
            return Ok(());
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        count.fetch_add(length as u64, Ordering::Relaxed);
        writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n")?;
    }
}

/// Fetches the figures of a node again and again.
pub(super) struct Reader {
    ends: Arc<AtomicBool>,
    task: Option<JoinHandle<()>>,
}

impl Reader {
    pub(super) fn start(port: u16) -> Self {
        let ends = Arc::<AtomicBool>::default();
        let told = Arc::clone(&ends);
        let task = thread::spawn(move || {
            let mut rest = Duration::ZERO;
            while !told.load(Ordering::Relaxed) {
                if rest.is_zero() {
                    fetch(port).ok();
                    rest = FETCHED_EVERY;
                }
                thread::sleep(LOOK_EVERY);
                rest = rest.saturating_sub(LOOK_EVERY);
            }
        });
        Self { ends, task: Some(task) }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        self.task.take().map(JoinHandle::join);
    }
}

fn fetch(port: u16) -> Result<()> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n")?;
    stream.read_to_end(&mut Vec::new())?;
    Ok(())
}
