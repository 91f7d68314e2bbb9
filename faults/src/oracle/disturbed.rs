//! Tells when a disturbance excuses a node.

use std::time::Duration;

use crate::cluster::{Disturbance, DisturbanceKind};

/// Time after a disturbance in which a node may still recover missed changes.
const RECOVERY_GRACE: Duration = Duration::from_secs(5);

/// Time after a stall, in which no connection was lost.
const STALL_GRACE: Duration = Duration::from_secs(1);

/// Tells whether a node was disturbed, or still recovered, in a period.
pub(super) fn is_disturbed(
    disturbances: &[Disturbance],
    node: usize,
    from: Duration,
    until: Duration,
    counts: fn(DisturbanceKind) -> bool,
) -> bool {
    let counts = |disturbance: &&Disturbance| disturbance.node == node && counts(disturbance.kind);
    disturbances.iter().filter(counts).any(|disturbance| overlaps(disturbance, from, until))
}

/// Tells whether any node was disturbed, or still recovered, in a period.
pub(super) fn is_any_disturbed(disturbances: &[Disturbance], from: Duration, until: Duration) -> bool {
    disturbances.iter().any(|disturbance| overlaps(disturbance, from, until))
}

/// Tells whether the machine stalled a node or Redis in a period.
pub(super) fn is_any_stalled(disturbances: &[Disturbance], from: Duration, until: Duration) -> bool {
    let is_stall = |disturbance: &&Disturbance| disturbance.kind == DisturbanceKind::Stalled;
    disturbances.iter().filter(is_stall).any(|disturbance| overlaps(disturbance, from, until))
}

fn overlaps(disturbance: &Disturbance, from: Duration, until: Duration) -> bool {
    from <= recovered_at(disturbance) && disturbance.from <= until
}

/// Returns when the node has recovered from a disturbance.
pub(super) fn recovered_at(disturbance: &Disturbance) -> Duration {
    match disturbance.kind {
        DisturbanceKind::Down | DisturbanceKind::Disconnected => disturbance.until + RECOVERY_GRACE,
        DisturbanceKind::Stalled => disturbance.until + STALL_GRACE,
    }
}
