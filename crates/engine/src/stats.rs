//! The engine's counters, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! stats {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// Counters since the start of the node, which only grow, and gauges.
        #[derive(Debug, Default)]
        pub struct Stats {
            $($(#[$doc])* pub $name: Counter,)+
            /// The delay of the last beat shown, in milliseconds after its second.
            pub beat_lag_ms: Gauge,
            /// Overdue deadlines in this node's last query, while it leads. A shard that could not be read counts as one.
            pub deadlines_overdue: Gauge,
        }
    };
}

stats! {
    /// Commits done.
    commits,
    /// Commits that lost a race to a rival.
    conflicts,
    /// Repeated commands.
    repeated,
    /// Commits refused as decided too long ago.
    late,
    /// Commits refused because a second had begun since the decision.
    stale,
    /// Commands whose outcome is unknown.
    unknown_outcomes,
    /// Boards loaded.
    loads,
    /// Stored data that could not be read, and requests that the store refused as malformed.
    damaged,
    /// Updates from other nodes applied to a view.
    updates_applied,
    /// Updates that a view already contained.
    updates_skipped,
    /// Updates that did not follow their view.
    gaps,
    /// Lost links: times that the views of some shards were invalidated.
    links_lost,
    /// Views that differed when positions were compared.
    positions_differed,
    /// Views whose position could not be read after a lost link.
    positions_unread,
    /// Views invalidated since the outcome of a commit is unknown.
    unknown_outcome_reloads,
    /// Attempts repeated because the store was unavailable or silent.
    store_retries,
    /// Ticks written to listeners.
    ticks_sent,
    /// Ticks that the fan-out left to the listener's own task.
    ticks_deferred,
    /// Ticks that were not shown to a listener since it was too far behind.
    ticks_dropped,
    /// Beats shown.
    beats,
    /// Beats that were not received, and were shown by the node's own clock.
    beats_filled,
    /// Beats not shown because they were late or repeated.
    beats_refused,
    /// Times that this node began to lead.
    elections_won,
    /// Changes of the leader that this node noticed.
    leader_changes,
    /// Deadlines carried out.
    deadlines_fired,
    /// Deadlines whose execution failed.
    deadlines_failed,
}

/// A counter.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub fn add_one(&self) {
        self.add(1);
    }

    /// Adds a number.
    pub fn add(&self, count: u64) {
        if count > 0 {
            self.0.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// Returns the count.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A value that is set.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Returns the value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
