//! The state of the whole cluster, for operators: each node reports its own through the store, and every node can show all.

mod own_report;
mod recent_refusals;
mod report_cache;
mod routes;

use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::store::Fault;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use timers::Millis;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::node::Node;
use crate::ops::cluster::recent_refusals::RecentRefusals;
use crate::ops::cluster::report_cache::ReportCache;

pub(crate) use routes::routes;

/// How often a node reports. An operator sees a change of another node this late at most, and a report costs the store
/// far less than the positions that each node reads once a second.
const REPORT_INTERVAL: Duration = Duration::from_secs(3);

/// Pause before a report is repeated that the store did not take.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// A node is silent if its last report is older than this: two reports may fail. As long as the lease of a node whose
/// members are removed ([`timers::node::LEASE_DURATION`]).
const SILENT_AFTER: Millis = Millis(8000);

const _: () = assert!(SILENT_AFTER.0 as u128 > 2 * REPORT_INTERVAL.as_millis() + 2 * RETRY_PAUSE.as_millis());

/// How long a dead node is shown: a person who is woken has the time to look.
const REPORT_RETENTION: Millis = Millis(60 * 60 * 1000);

/// How long a node that ends waits until its report is removed. Otherwise it is shown as silent.
const WITHDRAW_TIMEOUT: Duration = Duration::from_millis(500);

/// This node's part in the reports of the cluster.
pub(crate) struct ClusterReports {
    refusals: RecentRefusals,
    /// Whether the node may report. Locked during each report, so that none follows the removal.
    is_open: tokio::sync::Mutex<bool>,
    /// The response time of the store to the last report; `None` if it did not take it.
    latency: Mutex<Option<Duration>>,
    cache: ReportCache,
}

impl Default for ClusterReports {
    fn default() -> Self {
        Self {
            refusals: RecentRefusals::default(),
            is_open: tokio::sync::Mutex::new(true),
            latency: Mutex::default(),
            cache: ReportCache::default(),
        }
    }
}

/// Reports the state of this node, regularly and whenever its shutdown goes on, for ever.
pub(crate) async fn report(node: Arc<Node>) {
    let mut phase = node.drain.phase();
    let mut reports = interval(REPORT_INTERVAL);
    reports.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = reports.tick() => {}
            _ = phase.changed() => {}
        }
        node.cluster.refusals.sample(Instant::now(), &refusal_counts(&node));
        if let Err(fault) = node.cluster.publish(&node).await {
            tracing::debug!(%fault, "the store did not take this node's report");
            reports.reset_after(RETRY_PAUSE);
        }
    }
}

impl ClusterReports {
    async fn publish(&self, node: &Node) -> Result<(), Fault> {
        let is_open = self.is_open.lock().await;
        let Some(reports) = node.engine.store().node_reports().filter(|_| *is_open) else { return Ok(()) };
        let text = Value::Object(own_report::of(node)).to_string();
        let since = Instant::now();
        let written = reports.put(node.engine.node(), &text, REPORT_RETENTION).await;
        *self.latency.lock() = written.is_ok().then(|| since.elapsed());
        written
    }

    /// Removes the report of a node that ends.
    pub(crate) async fn withdraw(&self, node: &Node) {
        let Some(reports) = node.engine.store().node_reports() else { return };
        let removed = timeout(WITHDRAW_TIMEOUT, async {
            *self.is_open.lock().await = false;
            reports.remove(node.engine.node()).await
        });
        if !matches!(removed.await, Ok(Ok(()))) {
            tracing::debug!("this node's report was not removed; other nodes show it as silent");
        }
    }
}

/// Returns the state of the cluster as this node knows it: its own state as of now, and the last reports of the others.
async fn overview(node: &Node) -> Value {
    let cached = node.cluster.cache.read(node).await;
    let own = node.engine.node();
    let mut nodes: Vec<Map<String, Value>> = cached
        .reports
        .iter()
        .filter(|report| report.node != own)
        .map(|report| labelled(report_cache::fields(report), &report.node, report.age))
        .collect();
    nodes.push(labelled(own_report::of(node), own, Millis(0)));
    nodes.sort_by(|one, other| one["node"].as_str().cmp(&other["node"].as_str()));
    let leadership = node.engine.leadership();
    json!({
        "node": own,
        "at": node.engine.valid_date(),
        "leader": {
            "node": leadership.leader,
            "since": leadership.since,
            "generation": leadership.generation.map(|generation| generation.to_string()),
            "changes": node.engine.stats().leader_changes.get(),
        },
        "beat": node.engine.hub().last_beat(),
        "nodes": nodes,
        "reports": { "ageMs": cached.age.map(|age| age.0), "why": cached.failure },
        "silentAfterMs": SILENT_AFTER.0,
        "refusalsWithinMs": u64::try_from(recent_refusals::WINDOW.as_millis()).unwrap_or(u64::MAX),
    })
}

/// Adds what is known of a report besides its content.
fn labelled(mut fields: Map<String, Value>, node: &str, age: Millis) -> Map<String, Value> {
    fields.insert("node".to_owned(), json!(node));
    fields.insert("ageMs".to_owned(), json!(age.0));
    fields.insert("silent".to_owned(), json!(age > SILENT_AFTER));
    fields
}

fn refusal_counts(node: &Node) -> Vec<u64> {
    node.metrics.refusals().into_iter().map(|(_, count)| count).collect()
}
