//! The beat, as a store keeps it.

use timers::{Beat, MILLIS_PER_BEAT, Millis, Tag, Timestamp};

/// From this on, the part of cluster time by which it is ahead of the store's own clock is not shown as a date. A person
/// does not notice a date that is less than a minute off, and it is corrected within hours, by five milliseconds a second.
pub const ABSORBED_AS_DATE_MAX: Millis = Millis(60_000);

/// Beats restart if the time of the store is further back than this: it was emptied while no node knew the time.
pub const STEP_BACK_MAX: Millis = Millis(60_000);

/// A node's request to lead the beat.
#[derive(Clone, Debug)]
pub struct BeatRequest {
    /// The name of the node.
    pub node: String,
    /// How late the leader must be before another takes over.
    pub takeover_after: Millis,
    /// The generation to set if the store has none.
    pub generation: Tag,
    /// The node's cluster clock, if it has one.
    pub now: Option<Timestamp>,
}

/// The last beat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BeatStatus {
    /// The number of the beat.
    pub beat: Beat,
    /// The store's time.
    pub now: Timestamp,
    /// The name of the leader; empty after a resignation.
    pub leader: String,
    /// A random number that changes when the store is emptied.
    pub generation: Tag,
    /// How far the store's own clock is behind the time that it tells, after steps back that were absorbed.
    pub absorbed: Millis,
}

impl BeatStatus {
    /// Returns how far cluster time is ahead of the date; see [`ahead_of_date`].
    pub fn ahead_of_date(&self) -> Millis {
        ahead_of_date(self.absorbed)
    }
}

/// Returns how far cluster time is ahead of the date while it is ahead of the store's own clock by `absorbed`: whole
/// seconds, so that a beat is a whole second of the date as well, or zero below [`ABSORBED_AS_DATE_MAX`].
pub fn ahead_of_date(absorbed: Millis) -> Millis {
    if absorbed < ABSORBED_AS_DATE_MAX { Millis(0) } else { Millis(absorbed.0 - absorbed.0 % MILLIS_PER_BEAT) }
}
