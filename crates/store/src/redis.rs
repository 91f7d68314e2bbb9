//! The store in Redis: boards in hashes, commits in one script, updates over pub/sub. The store is one server,
//! or the primaries of a cluster. Each server has its own connections, so that a dead primary does not block
//! the others.

mod address;
mod cluster;
mod cluster_name;
mod commit;
mod connections;
mod counters;
mod coverage;
mod damaged_shards;
mod decode;
mod desired_channels;
mod driver;
mod due;
mod export;
mod failover;
mod fault;
mod history;
mod history_of_term;
mod keys;
mod load;
mod node_reports;
mod positions;
mod probe;
mod pubsub;
mod replica_wait;
mod retention;
mod routes;
mod score;
mod script;
mod sentinel;
mod sentinel_votes;
mod server;
mod server_info;
mod sessions;
mod shared;
mod signals;
mod silence;
mod slot_owners;
mod span;
mod store;
mod subscription_task;
mod transfer;
mod url_parameters;

pub use address::{BadUrl, RedisUrl};
pub use sessions::Sessions;
pub use store::RedisStore;

use std::path::PathBuf;

/// Connection settings for Redis.
#[derive(Clone, Debug)]
pub struct Options {
    /// The address of Redis.
    pub url: RedisUrl,
    /// The prefix of all keys and channels.
    pub prefix: String,
    /// The name of the cluster, if it has one. A store that has another cluster's name is not used.
    pub cluster_name: Option<String>,
    /// The node's name, used for its own channel.
    pub node: String,
    /// A PEM file of certificates that are trusted in addition to the system's.
    pub ca_file: Option<PathBuf>,
    /// The number of replicas that must have a commit before it is acknowledged.
    pub replicas_ack: u32,
}

impl Options {
    /// Makes options for a Redis and a node; the other fields have their defaults.
    pub fn new(url: RedisUrl, node: &str) -> Self {
        Self {
            url,
            prefix: "tickcast".to_owned(),
            cluster_name: None,
            node: node.to_owned(),
            ca_file: None,
            replicas_ack: 0,
        }
    }
}
