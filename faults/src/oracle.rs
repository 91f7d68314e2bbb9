//! The oracle: judges by the laws what clients saw and what the store holds.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::cluster::Trouble;
use crate::record::Record;
use crate::view::View;

mod commands;
mod privacy;
mod revisions;
mod ticks;

/// Which laws a fault suspends, because no system could keep them. All others hold for every fault.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Laws {
    /// The store forgets: what was acknowledged may be gone, and revisions come again.
    pub(crate) store_forgets: bool,
    /// Cluster time makes a leap, or a node stands still, of over five seconds: at most five seconds are
    /// filled in, the rest is passed over.
    pub(crate) seconds_are_passed_over: bool,
}

/// What there is to judge by.
pub(crate) struct Evidence<'e> {
    pub(crate) records: &'e [Record],
    /// What the store holds in the end.
    pub(crate) truth: &'e BTreeMap<String, View>,
    pub(crate) laws: Laws,
    pub(crate) troubles: &'e [Trouble],
}

/// Returns every violation of a law.
pub(crate) fn judge(evidence: &Evidence<'_>) -> Vec<String> {
    let mut violations = Vec::new();
    for record in evidence.records {
        let found = ticks::check(record, evidence.laws, evidence.troubles)
            .into_iter()
            .chain(privacy::check(record))
            .chain(revisions::check(record, evidence.laws));
        violations.extend(found.map(|violation| format!("{}: {violation}", record.client)));
    }
    if !evidence.laws.store_forgets {
        violations.extend(commands::check(evidence.records, evidence.truth));
    }
    violations
}

/// Returns the longest time between two ticks of a run at a client whose node lived.
pub(crate) fn longest_gap(records: &[Record], troubles: &[Trouble]) -> Duration {
    records.iter().map(|record| ticks::longest_gap(record, troubles)).max().unwrap_or_default()
}
