//! Who owns timers and who hears of them.

use std::fmt;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ids::{BadId, NodeId, RoomId, UserId};

/// The unit of storage, of ordering and of fan-out. Written as `user:42`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// One person.
    User(UserId),
    /// One room.
    Room(RoomId),
    /// One run of a node: its lease, and where it has members.
    Node(NodeId),
    /// All nodes.
    Cluster,
}

/// Why a text names no scope.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadScope {
    /// The part before the colon is no kind of scope that this version knows.
    #[error("unknown kind of scope in {0:?}")]
    Kind(String),
    /// The part after the colon is no id.
    #[error("bad id in a scope: {0}")]
    Id(#[from] BadId),
}

impl Scope {
    /// The kinds of scopes there are.
    pub const KINDS: [&str; 4] = ["user", "room", "node", "cluster"];

    /// Returns what kind of scope it is: the part before the colon.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Room(_) => "room",
            Self::Node(_) => "node",
            Self::Cluster => "cluster",
        }
    }

    /// Tells whether an empty board of it may be forgotten: its id does not come again.
    pub fn fades(&self) -> bool {
        match self {
            Self::User(_) | Self::Cluster => false,
            Self::Room(_) | Self::Node(_) => true,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id: &dyn fmt::Display = match self {
            Self::User(id) => id,
            Self::Room(id) => id,
            Self::Node(id) => id,
            Self::Cluster => &"all",
        };
        write!(f, "{}:{id}", self.kind())
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl FromStr for Scope {
    type Err = BadScope;

    fn from_str(text: &str) -> Result<Self, BadScope> {
        match text.split_once(':') {
            Some(("user", id)) => Ok(Self::User(UserId::new(id)?)),
            Some(("room", id)) => Ok(Self::Room(RoomId::new(id)?)),
            Some(("node", id)) => Ok(Self::Node(NodeId::new(id)?)),
            Some(("cluster", "all")) => Ok(Self::Cluster),
            Some(_) | None => Err(BadScope::Kind(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_read_back_as_written() {
        let (user, room) = (UserId::new("a:b c").unwrap(), RoomId::new("user:x").unwrap());
        for scope in [Scope::User(user), Scope::Room(room), Scope::Cluster] {
            assert_eq!(scope.to_string().parse(), Ok(scope));
        }
        assert_eq!(Scope::User(UserId::new("a:b c").unwrap()).to_string(), "user:a:b c");
        assert!("planet:1".parse::<Scope>().is_err());
        assert!("user:".parse::<Scope>().is_err());
    }
}
