//! What the connections of a node count.

use engine::Counter;

/// What the connections of a node count.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Times that a server was connected to and found usable.
    pub(crate) established: Counter,
    /// Times that one could not be used any more.
    pub(crate) lost: Counter,
    /// Commits that the server refused to publish.
    pub(crate) unpublished: Counter,
    /// Commits that were done, and that replicas did not have in time.
    pub(crate) unsafe_yet: Counter,
    /// Messages that the driver dropped, the hub being too far behind.
    pub(crate) dropped: Counter,
}
