//! What the engine counts, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! stats {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// Counters since the node began, each of which only grows, and what was last measured.
        #[derive(Debug, Default)]
        pub struct Stats {
            $($(#[$doc])* pub $name: Counter,)+
            /// How late the last beat was shown, in milliseconds after its second.
            pub beat_lag_ms: Gauge,
            /// Deadlines found overdue by the last look of this node at them, while it leads.
            pub deadlines_overdue: Gauge,
        }
    };
}

stats! {
    /// Commits done.
    commits,
    /// Commits lost to a rival.
    conflicts,
    /// Commands recognised as repeated.
    repeated,
    /// Commits refused as decided too long ago.
    late,
    /// Commits refused because a second had begun since.
    stale,
    /// Commands whose outcome stayed unknown.
    unknown_outcomes,
    /// Boards loaded.
    loads,
    /// Times that something stored could not be read, or was refused as what no version of ours writes.
    damaged,
    /// Updates from other nodes applied to a view.
    updates_applied,
    /// Updates known already.
    updates_skipped,
    /// Updates that did not follow the view they found.
    gaps,
    /// Times that all views fell in doubt.
    links_lost,
    /// Views found wrong by comparing positions.
    positions_differed,
    /// Views whose position could not be read after a lost link.
    positions_unread,
    /// Views in doubt since it is not known what became of a commit.
    outcomes_doubted,
    /// Attempts that were repeated because the store was away or silent.
    store_retries,
    /// Ticks written to listeners.
    ticks_sent,
    /// Ticks that could not be written where they were fanned out, and were left to the listener's own task.
    ticks_behind,
    /// Ticks that a listener was never shown, being too far behind.
    ticks_dropped,
    /// Beats shown.
    beats,
    /// Beats shown by the node's own reckoning, none having been heard.
    beats_filled,
    /// Beats not shown because they came too late or twice.
    beats_refused,
    /// Times that this node began to lead.
    elections_won,
    /// Times that another node, or this one, began to lead, as far as this node heard.
    leader_changes,
    /// Deadlines carried out.
    deadlines_fired,
    /// Deadlines that could not be carried out when they were due.
    deadlines_failed,
}

/// One counter.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts one more.
    pub fn add_one(&self) {
        self.add(1);
    }

    /// Counts so many more.
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

/// The last value of something.
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
