//! What the connections of a node count.

use std::sync::atomic::{AtomicU64, Ordering};

/// A count that only grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the connections of a node count.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Times that a server was connected to and found usable.
    pub(crate) established: Count,
    /// Times that one could not be used any more.
    pub(crate) lost: Count,
    /// Commits that the server refused to publish.
    pub(crate) unpublished: Count,
    /// Commits that were done, and that replicas did not have in time.
    pub(crate) unsafe_yet: Count,
    /// Messages that the driver dropped, the hub being too far behind.
    pub(crate) dropped: Count,
}
