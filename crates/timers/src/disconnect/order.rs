//! A stored order to disconnect clients.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::ids::{UserId, id};
use crate::raw_json::RawJson;
use crate::scope::Scope;
use crate::system::ItemType;
use crate::systems::Limits;
use crate::time::{Millis, Timestamp};

id!(
    /// One order to disconnect clients.
    DisconnectId
);

/// How long an order is kept: longer than a node serves displays without the store by default, so that a node whose link
/// returns finds the order.
pub const ORDER_RETENTION: Millis = Millis(15 * 60 * 1000);

/// Most orders that are kept at once: about one a second, and still a small board.
pub const DISCONNECTS_MAX: usize = 1000;

/// An order to disconnect clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disconnect {
    /// The id of the order.
    pub id: DisconnectId,
    /// The clients to disconnect.
    #[serde(rename = "whom")]
    pub target: DisconnectTarget,
    /// The time of the order. Clients that connect later stay connected.
    pub at: Timestamp,
}

/// The clients that an order disconnects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DisconnectTarget {
    /// All connections of a person.
    User(UserId),
    /// All connections that are subscribed to a scope.
    Scope(Scope),
    /// One connection.
    Connection(String),
    /// A target of a newer version. This version disconnects no client for it, and keeps it.
    #[serde(untagged)]
    Unknown(RawJson),
}

impl<'de> Deserialize<'de> for DisconnectTarget {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case")]
        enum KnownTarget {
            User(UserId),
            Scope(Scope),
            Connection(String),
        }
        let raw = RawJson::deserialize(deserializer)?;
        match serde_json::from_str(raw.as_str()) {
            Ok(KnownTarget::User(user)) => Ok(Self::User(user)),
            Ok(KnownTarget::Scope(scope)) => Ok(Self::Scope(scope)),
            Ok(KnownTarget::Connection(connection)) => Ok(Self::Connection(connection)),
            Err(error) if error.is_data() => Ok(Self::Unknown(raw)),
            Err(error) => Err(D::Error::custom(error)),
        }
    }
}

impl ItemType for Disconnect {
    const KIND: &'static str = "disconnect";
    type Id = DisconnectId;

    fn id(&self) -> &DisconnectId {
        &self.id
    }

    fn deadline(&self, _: &Limits) -> Option<Timestamp> {
        Some(self.at + ORDER_RETENTION)
    }

    fn move_back(&mut self, by: Millis) {
        self.at = self.at - by;
    }
}
