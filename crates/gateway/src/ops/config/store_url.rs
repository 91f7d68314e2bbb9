//! The address of the store.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use store::redis::RedisUrl;

/// The store to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StoreUrl {
    /// A durable store in a local folder.
    Embedded(PathBuf),
    /// A store in memory, which is lost with the process; for tests.
    Memory,
    /// A Redis.
    Redis(RedisUrl),
}

impl FromStr for StoreUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once("://") {
            Some(("embedded", "")) => Err("an embedded store needs a folder: embedded://./data".to_owned()),
            Some(("embedded", folder)) => Ok(Self::Embedded(PathBuf::from(folder))),
            Some(("memory", _)) => Ok(Self::Memory),
            Some(("redis" | "rediss" | "unix", _)) => parse_redis(text),
            Some((scheme, _)) if scheme.contains('+') => parse_redis(text),
            Some(_) | None => Err("it must begin with embedded://, memory://, redis://, rediss://, \
                                   redis+sentinel:// or unix://"
                .to_owned()),
        }
    }
}

fn parse_redis(text: &str) -> Result<StoreUrl, String> {
    text.parse().map(StoreUrl::Redis).map_err(|error: store::redis::BadUrl| error.to_string())
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(folder) => write!(f, "embedded://{}", folder.display()),
            Self::Memory => f.write_str("memory://"),
            Self::Redis(url) => url.fmt(f),
        }
    }
}
