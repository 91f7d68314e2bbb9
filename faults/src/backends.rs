//! The nodes behind a Service: the kernel's connection tracking tells which of them a connection leads to.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::time::{Instant, interval};

/// The number of the node of a connection that the kernel did not report, because the machine was busy.
pub(crate) const UNKNOWN_NODE: usize = usize::MAX;

/// Time within which the kernel reports a connection that is open: generous, because the machine may be busy.
const REPORT_TIMEOUT: Duration = Duration::from_secs(3);

/// Attempts to see a report after the start of `conntrack`.
const READY_ATTEMPTS: usize = 10;

/// Age up to which a report is that of a connection that was just opened: longer than a connection and its handshake may
/// take, and shorter than the time in which a local port is used again.
const REPORT_AGE_MAX: Duration = Duration::from_secs(6);

/// Interval at which a report is looked for.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// The nodes, by the order in which they were seen.
#[derive(Clone, Default)]
pub(crate) struct Backends {
    table: Arc<Mutex<Table>>,
    unreported: Arc<Mutex<usize>>,
}

/// Reports connections as long as it exists.
pub(crate) struct ConnectionTracker(Child);

#[derive(Default)]
struct Table {
    nodes: Vec<IpAddr>,
    /// When the latest connection of a local port was reported, and its node.
    connections: HashMap<u16, (Instant, IpAddr)>,
}

impl Backends {
    /// Returns the number of a node, which stays the same.
    pub(crate) fn number(&self, node: IpAddr) -> usize {
        self.table.lock().number(node)
    }

    /// Waits for the report of an open connection, and returns the number of its node; `None` if there is no report.
    pub(crate) async fn node_of(&self, local: SocketAddr) -> Option<usize> {
        let end = Instant::now() + REPORT_TIMEOUT;
        let mut poll = interval(POLL_INTERVAL);
        loop {
            {
                let mut table = self.table.lock();
                let report = table.connections.get(&local.port()).filter(|(at, _)| at.elapsed() < REPORT_AGE_MAX);
                if let Some(&(_, node)) = report {
                    return Some(table.number(node));
                }
            }
            if Instant::now() > end {
                *self.unreported.lock() += 1;
                return None;
            }
            poll.tick().await;
        }
    }

    /// Tracks the connections to a Service from this network namespace, from now on.
    ///
    /// # Errors
    /// `conntrack` does not report the connections.
    pub(crate) async fn track(&self, service: SocketAddr) -> Result<ConnectionTracker> {
        let tracker = self.start_tracker(service)?;
        for _ in 0..READY_ATTEMPTS {
            let probe = TcpStream::connect(service).await.with_context(|| format!("{service} is not served"))?;
            if self.node_of(probe.local_addr()?).await.is_some() {
                *self.unreported.lock() = 0;
                return Ok(tracker);
            }
        }
        bail!("conntrack does not report connections to {service}")
    }

    /// Returns the number of connections whose node is not known.
    pub(crate) fn unreported(&self) -> usize {
        *self.unreported.lock()
    }

    fn start_tracker(&self, service: SocketAddr) -> Result<ConnectionTracker> {
        let (address, port) = (service.ip().to_string(), service.port().to_string());
        let mut child = Command::new("conntrack")
            .args(["-E", "-e", "NEW", "-p", "tcp", "--orig-dst", &address, "--dport", &port, "-b", "4194304"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("conntrack reports the connections to a Service")?;
        let stdout = child.stdout.take().context("conntrack has no output")?;
        let table = Arc::clone(&self.table);
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some((port, node)) = connection(&line) {
                    table.lock().connections.insert(port, (Instant::now(), node));
                }
            }
        });
        Ok(ConnectionTracker(child))
    }
}

impl Drop for ConnectionTracker {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Table {
    fn number(&mut self, node: IpAddr) -> usize {
        self.nodes.iter().position(|known| *known == node).unwrap_or_else(|| {
            self.nodes.push(node);
            self.nodes.len() - 1
        })
    }
}

/// Reads the local port of a connection, and the address that answers in the Service's stead.
fn connection(line: &str) -> Option<(u16, IpAddr)> {
    let mut fields = line.split_whitespace().filter_map(|field| field.split_once('='));
    let port = fields.find(|(name, _)| *name == "sport")?.1.parse().ok()?;
    let (_, node) = fields.find(|(name, _)| *name == "src")?;
    Some((port, node.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "    [NEW] tcp      6 120 SYN_SENT src=10.88.0.1 dst=10.96.0.10 sport=35766 dport=53 \
                        [UNREPLIED] src=10.244.1.3 dst=10.244.1.1 sport=53 dport=10393";

    #[test]
    fn a_report_has_the_local_port_and_the_node() {
        assert_eq!(connection(LINE), Some((35766, IpAddr::from([10, 244, 1, 3]))));
        assert_eq!(connection("conntrack v1.4.7 (conntrack-tools): 1 flow events have been shown."), None);
    }

    #[tokio::test]
    async fn a_connection_leads_to_the_reported_node_and_each_node_keeps_its_number() {
        let backends = Backends::default();
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        assert_eq!((backends.number(one), backends.number(other), backends.number(one)), (0, 1, 0));
        let local = SocketAddr::from(([10, 88, 0, 1], 4711));
        let waiting = tokio::spawn({
            let backends = backends.clone();
            async move { backends.node_of(local).await }
        });
        tokio::task::yield_now().await;
        backends.table.lock().connections.insert(4711, (Instant::now(), other));
        assert_eq!(waiting.await.unwrap(), Some(1));
    }
}
