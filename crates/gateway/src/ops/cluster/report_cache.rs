//! The reports of all nodes, read from the store when somebody looks.

use std::time::{Duration, Instant};

use engine::store::NodeReport;
use serde_json::{Map, Value};
use timers::Millis;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::node::Node;

/// Reports are read at most this often, however many operators look. A little less than the interval at which a page
/// asks, so that each of its questions is answered from a new reading.
const READ_INTERVAL: Duration = Duration::from_millis(900);

/// How long an operator waits for a store that does not answer.
const READ_TIMEOUT: Duration = Duration::from_secs(1);

/// The reports that were read last.
#[derive(Default)]
pub(super) struct ReportCache {
    last: Mutex<Reading>,
}

#[derive(Clone, Default)]
struct Reading {
    tried_at: Option<Instant>,
    read_at: Option<Instant>,
    reports: Vec<NodeReport>,
    failure: Option<String>,
}

/// The reports that were read last, and how old the reading is.
pub(super) struct CachedReports {
    pub(super) reports: Vec<NodeReport>,
    /// The time since they were read; `None` if they never were.
    pub(super) age: Option<Millis>,
    /// Why they were not read again.
    pub(super) failure: Option<String>,
}

impl ReportCache {
    /// Reads the reports, unless that was just done.
    pub(super) async fn read(&self, node: &Node) -> CachedReports {
        let mut last = self.last.lock().await;
        if last.tried_at.is_none_or(|at| at.elapsed() >= READ_INTERVAL) {
            match read(node).await {
                Ok(reports) => *last = Reading { read_at: Some(Instant::now()), reports, ..Reading::default() },
                Err(why) => last.failure = Some(why),
            }
            last.tried_at = Some(Instant::now());
        }
        let age = last.read_at.map(|at| Millis(u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX)));
        CachedReports { reports: last.reports.clone(), age, failure: last.failure.clone() }
    }
}

async fn read(node: &Node) -> Result<Vec<NodeReport>, String> {
    let Some(reports) = node.engine.store().node_reports() else { return Ok(Vec::new()) };
    match timeout(READ_TIMEOUT, reports.all()).await {
        Ok(read) => read.map_err(|fault| fault.to_string()),
        Err(_) => Err("the store does not answer".to_owned()),
    }
}

/// Returns the fields of a report. A version that writes no object has none that this one could show.
pub(super) fn fields(report: &NodeReport) -> Map<String, Value> {
    serde_json::from_str(&report.text).unwrap_or_default()
}
