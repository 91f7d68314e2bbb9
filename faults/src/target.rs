//! What the suite reads at the end of a run: the nodes and the store, wherever they run.

use std::io;
use std::net::SocketAddr;

use harness::{Reply, redis_replies};
use tokio::time::Instant;

/// The addresses of the nodes and of the store.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) nodes: Vec<NodeAddress>,
    pub(crate) redis: SocketAddr,
    /// The start of the run.
    pub(crate) started_at: Instant,
}

/// The addresses of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeAddress {
    pub(crate) public: SocketAddr,
    pub(crate) internal: SocketAddr,
}

impl Target {
    /// Sends commands to Redis and returns its replies.
    ///
    /// # Errors
    /// The connection's.
    pub(crate) fn replies(&self, commands: &[Vec<&str>]) -> io::Result<Vec<Reply>> {
        redis_replies(self.redis, commands)
    }
}
