//! Receivers of telemetry: a trace collector that discards all spans, and a scraper of metrics.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use anyhow::Result;

use crate::ports;

/// A third of the usual scrape interval of Prometheus.
const SCRAPE_INTERVAL: Duration = Duration::from_secs(5);

/// A collector that runs until this program exits.
pub(super) struct Collector {
    port: u16,
    received: Arc<AtomicU64>,
}

impl Collector {
    pub(super) fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (port, received) = (listener.local_addr()?.port(), Arc::<AtomicU64>::default());
        let counter = Arc::clone(&received);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let counter = Arc::clone(&counter);
                // An error means that the node has closed the connection.
                thread::spawn(move || receive(client, &counter).ok());
            }
        });
        Ok(Self { port, received })
    }

    /// Returns the OTLP endpoint for spans.
    pub(super) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/v1/traces", self.port)
    }

    /// Returns the number of received bytes.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}

fn receive(client: TcpStream, counter: &AtomicU64) -> Result<()> {
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
        counter.fetch_add(length as u64, Ordering::Relaxed);
        writer.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n")?;
    }
}

/// Reads the metrics of a node at an interval, until it is dropped.
pub(super) struct Scraper {
    _stop: Sender<()>,
}

impl Scraper {
    pub(super) fn start(port: u16) -> Self {
        let (stop, stopped) = mpsc::channel();
        thread::spawn(move || {
            loop {
                ports::get(port, "/metrics").ok();
                if stopped.recv_timeout(SCRAPE_INTERVAL) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
            }
        });
        Self { _stop: stop }
    }
}
