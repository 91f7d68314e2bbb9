//! The store in Redis: boards in hashes, commits in one script, updates over pub/sub. One server, or the
//! primaries of a cluster, each with connections of its own so that a dead one stops nobody else.

mod address;
mod answer;
mod claims;
mod cluster;
mod commit;
mod counts;
mod due;
mod fault;
mod fence;
mod keys;
mod link;
mod listener;
mod probe;
mod routes;
mod score;
mod script;
mod server;
mod sessions;
mod shared;
mod signals;
mod span;
mod store;
mod subscriptions;
mod wanted;

pub use address::{BadUrl, RedisUrl};
pub use sessions::Sessions;
pub use store::RedisStore;

use std::path::PathBuf;

/// What a connection to Redis needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where Redis is.
    pub url: RedisUrl,
    /// What all keys and channels begin with.
    pub prefix: String,
    /// The node's name, for its own channel.
    pub node: String,
    /// A file of certificates (PEM) that are believed besides the system's.
    pub ca_file: Option<PathBuf>,
    /// How many replicas must have a commit before it is answered.
    pub replicas_ack: u32,
}

impl Options {
    /// Names a Redis and a node; the rest is as most have it.
    pub fn new(url: RedisUrl, node: &str) -> Self {
        Self { url, prefix: "tickcast".to_owned(), node: node.to_owned(), ca_file: None, replicas_ack: 0 }
    }
}
