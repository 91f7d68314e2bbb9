//! Counters of a node's Redis connections.

use engine::Counter;

/// Counters of a node's Redis connections.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Times that a server was connected and usable.
    pub(crate) established: Counter,
    /// Times that a usable server became unusable.
    pub(crate) lost: Counter,
    /// Commits whose publication the server rejected.
    pub(crate) unpublished: Counter,
    /// Commits that were written but not replicated in time.
    pub(crate) unreplicated: Counter,
    /// Messages that the driver dropped because the hub was too slow.
    pub(crate) dropped: Counter,
    /// Answers about deadlines and positions that could not be used because of what is stored.
    pub(crate) damaged: Counter,
}
