//! The oracle: checks the clients' records and the content of the store against the invariants.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::cluster::Disturbance;
use crate::punch_clock::DeviceRecord;
use crate::punch_clock::converge::PersonDays;
use crate::record::Record;
use crate::studio::MemberRecord;
use crate::studio::converge::Lists;
use crate::view::View;

pub(crate) mod displays;
mod disturbed;
mod durability;
mod focus_seconds;
pub(crate) mod focus_sessions;
mod focus_ticks;
mod live_seconds;
mod order;
pub(crate) mod organizations;
mod own_sessions;
mod privacy;
mod punch_history;
mod punches;
mod room_countdowns;
mod room_members;
mod room_sessions;
mod ticks;

/// The invariants that a fault suspends, because no system could keep them. All others hold for every fault.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SuspendedInvariants {
    /// The store loses data: acknowledged commands may be lost, and revisions are reused.
    pub(crate) durability: bool,
    /// Cluster time jumps, or a node stops, for over five seconds: at most five seconds are filled in, the others
    /// are skipped.
    pub(crate) missing_ticks: bool,
    /// Members that have left may be restored, and are not removed while their node lives.
    pub(crate) restored_members: bool,
    /// The clock of Redis jumps, and with it cluster time: the ends of countdowns and memberships cannot be compared with
    /// the clock of the suite.
    pub(crate) cluster_time: bool,
}

/// The input of the oracle.
pub(crate) struct Evidence<'e> {
    pub(crate) records: &'e [Record],
    /// The records of library clients.
    pub(crate) library: &'e [Record],
    /// The records of the clients of rooms.
    pub(crate) rooms: &'e [Record],
    /// The start of the run, in ms since 1970.
    pub(crate) started_ms: u64,
    /// The final content of the store.
    pub(crate) stored: &'e BTreeMap<String, View>,
    /// What the members of organisations have seen and done.
    pub(crate) members: &'e [MemberRecord],
    /// The entries of organisations at the end.
    pub(crate) lists: &'e Lists,
    /// What the devices of people with a punch clock have seen and done.
    pub(crate) devices: &'e [DeviceRecord],
    /// The days of these people at the end.
    pub(crate) days: &'e BTreeMap<String, PersonDays>,
    pub(crate) suspended: SuspendedInvariants,
    pub(crate) disturbances: &'e [Disturbance],
}

/// Returns all violations.
pub(crate) fn check(evidence: &Evidence<'_>) -> Vec<String> {
    let mut violations = Vec::new();
    for record in evidence.records {
        let found = ticks::check(record, evidence.suspended, evidence.disturbances)
            .into_iter()
            .chain(privacy::check(record))
            .chain(order::check(record, evidence.suspended));
        violations.extend(found.map(|violation| format!("{}: {violation}", record.client)));
    }
    for record in evidence.library {
        let found = privacy::check(record).into_iter().chain(own_sessions::check(record));
        violations.extend(found.map(|violation| format!("{}: {violation}", record.client)));
    }
    if !evidence.suspended.durability {
        violations.extend(durability::check(evidence.records, evidence.stored));
        violations.extend(durability::check(evidence.library, evidence.stored));
    }
    violations.extend(organizations::check(evidence));
    for device in evidence.devices {
        let found = live_seconds::check(&device.record, evidence.suspended, evidence.disturbances);
        violations.extend(found.into_iter().map(|violation| format!("{}: {violation}", device.record.client)));
    }
    violations.extend(punches::check(evidence));
    violations.extend(room_members::check(evidence));
    violations.extend(room_countdowns::check(evidence));
    violations.extend(room_countdowns::unproved(evidence));
    violations
}

/// Returns the longest time between two ticks of a run at a client whose node was running.
pub(crate) fn longest_gap(records: &[Record], disturbances: &[Disturbance]) -> Duration {
    records.iter().map(|record| ticks::longest_gap(record, disturbances)).max().unwrap_or_default()
}
