//! The stage of a scenario: a release under load, and what is known of its nodes.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use fastrand::Rng;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use super::pods::{Pod, PodWatch};
use super::release::{INTERNAL_PORT, PUBLIC_PORT, Release};
use super::tools::ClusterTools;
use crate::backends::Backends;
use crate::cluster::{Disturbance, DisturbanceKind};
use crate::target::{NodeAddress, Target};

/// A release under load.
pub(crate) struct Stage {
    pub(crate) tools: ClusterTools,
    pub(crate) release: Release,
    pub(crate) pods: PodWatch,
    pub(crate) backends: Backends,
    /// The Redis of the release.
    pub(crate) redis: SocketAddr,
    /// The public Service.
    pub(crate) service: SocketAddr,
    pub(crate) started_at: Instant,
    pub(crate) random: Rng,
    pub(crate) short: bool,
    pub(crate) disturbances: Arc<Mutex<Vec<Disturbance>>>,
    /// What the scenario has measured.
    pub(crate) notes: Vec<String>,
    /// What the scenario has found to be wrong.
    pub(crate) violations: Vec<String>,
}

impl Stage {
    /// Returns the addresses of the nodes that serve clients, and of Redis.
    pub(crate) fn target(&self) -> Target {
        let addresses = self.pods.ready().into_iter().filter_map(|pod| pod.address);
        let nodes = addresses.map(node_address).collect();
        Target { nodes, redis: self.redis, started_at: self.started_at }
    }

    /// Waits until so many nodes serve clients, and no node is left that ends.
    ///
    /// # Errors
    /// It takes too long.
    pub(crate) async fn settled(&self, nodes: usize, within: Duration) -> Result<Vec<Pod>> {
        let what = format!("{nodes} nodes serve clients, and no other is left");
        let is_settled = |pods: &[Pod]| pods.len() == nodes && pods.iter().all(Pod::serves);
        self.pods.wait_for(&what, within, is_settled).await
    }

    /// Records a disturbance of a node since an instant.
    pub(crate) fn note_disturbance(&self, node: IpAddr, kind: DisturbanceKind, since: Instant) {
        let from = since.saturating_duration_since(self.started_at);
        let (node, until) = (self.backends.number(node), self.started_at.elapsed());
        self.disturbances.lock().push(Disturbance { node, kind, from, until });
    }

    /// Records a disturbance of all nodes since an instant.
    pub(crate) fn note_disturbance_of_all(&self, kind: DisturbanceKind, since: Instant) {
        for address in self.pods.pods().into_iter().filter_map(|pod| pod.address) {
            self.note_disturbance(address, kind, since);
        }
    }

    /// Records a violation unless a condition holds.
    pub(crate) fn expect(&mut self, holds: bool, violation: impl FnOnce() -> String) {
        if !holds {
            self.violations.push(violation());
        }
    }

    /// Chooses a node that serves clients, on another machine than Redis.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn choose(&mut self) -> Result<Pod> {
        let mut pods = self.pods.ready();
        pods.retain(|pod| pod.host != super::release::CONTROL_HOST);
        let nth = if pods.is_empty() { 0 } else { self.random.usize(0..pods.len()) };
        pods.into_iter().nth(nth).context("no node serves clients on another machine than that of Redis")
    }

    /// Chooses a duration between two limits, in ms.
    pub(crate) fn span(&mut self, from_ms: u64, until_ms: u64) -> Duration {
        Duration::from_millis(self.random.u64(from_ms..=until_ms))
    }

    /// Waits while a condition lasts.
    pub(crate) async fn wait(&self, span: Duration) {
        sleep(span).await; // tidy: allow: a scenario lasts as long as it is to be observed
    }
}

/// Returns the addresses of a node.
pub(crate) fn node_address(address: IpAddr) -> NodeAddress {
    NodeAddress { public: SocketAddr::new(address, PUBLIC_PORT), internal: SocketAddr::new(address, INTERNAL_PORT) }
}
