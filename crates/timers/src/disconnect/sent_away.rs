//! What is kept of clients that were sent away.

use serde::{Deserialize, Serialize};

use crate::ids::{DisconnectId, UserId};
use crate::scope::Scope;
use crate::time::{Millis, Timestamp};

/// How long it is kept: longer than a node goes on without the store by default, so that one whose link comes back finds
/// it.
pub const KEPT_FOR: Millis = Millis(15 * 60 * 1000);

/// Most that are kept at once: one a second, and a board that is small still.
pub const DISCONNECTS_MAX: usize = 1000;

/// Clients that were sent away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disconnect {
    /// Tells it from others.
    pub id: DisconnectId,
    /// Whom.
    pub whom: Whom,
    /// When.
    pub at: Timestamp,
}

/// Whose connections end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whom {
    /// A person's.
    User(UserId),
    /// Those that are shown a scope.
    Scope(Scope),
    /// This one.
    Connection(String),
}

/// Why the rules refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There were as many lately as are kept.
    #[error("at most {DISCONNECTS_MAX} in a quarter of an hour")]
    TooMany,
}

impl Disconnect {
    pub(crate) fn deadline(&self) -> Timestamp {
        self.at + KEPT_FOR
    }
}
