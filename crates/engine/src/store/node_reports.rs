//! What nodes tell operators about themselves: small texts beside the boards, which no rule reads.

use std::collections::BTreeMap;

use async_trait::async_trait;
use timers::{Millis, Timestamp};

use crate::store::Fault;

/// Most reports that one write removes because they are too old, so that a write stays short. Nodes end more rarely than
/// the others report.
pub const REPORTS_REMOVED_MAX: usize = 100;

/// Most reports that are kept, the newest. A node that dies soon after each start leaves one each time, and a reading of
/// more would keep the store busy. It is far more than a cluster has nodes.
pub const REPORTS_MAX: usize = 1000;

/// A node's last report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeReport {
    /// The node's name.
    pub node: String,
    /// The text that the node wrote.
    pub text: String,
    /// The time since then, by the store's clock.
    pub age: Millis,
}

/// Stores the last report of each node.
///
/// A report is no commit: it is not published, not backed up, and lost with a store that is emptied. A store may delete
/// all reports when none was written for an hour.
#[async_trait]
pub trait NodeReports: Send + Sync {
    /// Writes a node's report in place of its last one, and removes reports that are older than `kept` and those beyond
    /// [`REPORTS_MAX`], at most [`REPORTS_REMOVED_MAX`] of each. One round trip.
    ///
    /// # Errors
    /// [`Fault`]; a retry is safe.
    async fn put(&self, node: &str, text: &str, kept: Millis) -> Result<(), Fault>;

    /// Removes a node's report. One round trip.
    ///
    /// # Errors
    /// [`Fault`]; a retry is safe.
    async fn remove(&self, node: &str) -> Result<(), Fault>;

    /// Reads all reports, in the order of the nodes' names. One round trip.
    ///
    /// # Errors
    /// [`Fault`]; a retry is safe.
    async fn all(&self) -> Result<Vec<NodeReport>, Fault>;
}

/// The reports of a store in this process.
#[derive(Clone, Debug, Default)]
pub struct LocalReports(BTreeMap<String, (Timestamp, String)>);

impl LocalReports {
    /// See [`NodeReports::put`].
    pub fn put(&mut self, node: &str, text: &str, kept: Millis, now: Timestamp) {
        self.0.insert(node.to_owned(), (now, text.to_owned()));
        let is_old = |(_, (at, _)): &(&String, &(Timestamp, String))| now.since(*at) > kept;
        let old: Vec<String> =
            self.0.iter().filter(is_old).map(|(node, _)| node.clone()).take(REPORTS_REMOVED_MAX).collect();
        for node in old {
            self.0.remove(&node);
        }
        if self.0.len() > REPORTS_MAX
            && let Some(oldest) = self.0.iter().min_by_key(|(_, (at, _))| *at).map(|(node, _)| node.clone())
        {
            self.0.remove(&oldest);
        }
    }

    /// See [`NodeReports::remove`].
    pub fn remove(&mut self, node: &str) {
        self.0.remove(node);
    }

    /// See [`NodeReports::all`].
    pub fn all(&self, now: Timestamp) -> Vec<NodeReport> {
        let report = |(node, (at, text)): (&String, &(Timestamp, String))| NodeReport {
            node: node.clone(),
            text: text.clone(),
            age: now.since(*at),
        };
        self.0.iter().map(report).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_removes_only_what_is_too_old() {
        let mut reports = LocalReports::default();
        reports.put("a", "1", Millis(10), Timestamp(100));
        reports.put("b", "2", Millis(10), Timestamp(105));
        reports.put("c", "3", Millis(10), Timestamp(111));
        let report =
            |node: &str, text: &str, age| NodeReport { node: node.into(), text: text.into(), age: Millis(age) };
        assert_eq!(reports.all(Timestamp(112)), [report("b", "2", 7), report("c", "3", 1)]);
    }
}
