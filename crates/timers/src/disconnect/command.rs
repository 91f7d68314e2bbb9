//! What someone who runs the service asks for.

use serde::Serialize;

use crate::disconnect::Whom;
use crate::ids::DisconnectId;

/// One request about clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// Send them away.
    SendAway(DisconnectId, Whom),
}
