//! The store in Redis: boards in hashes, commits in one script, updates over pub/sub.

mod answer;
mod fault;
mod keys;
mod link;
mod probe;
mod script;
mod signals;
mod store;
mod subscriptions;
mod url;

pub use keys::{SHARDS, shard_of};
pub use store::RedisStore;
pub use url::{BadUrl, RedisUrl};

/// What a connection to Redis needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where Redis is.
    pub url: RedisUrl,
    /// What all keys and channels begin with.
    pub prefix: String,
    /// The node's name, for its own channel.
    pub node: String,
}
