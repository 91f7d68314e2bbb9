//! The rules of disconnect orders: an order is kept for a while, and their number is limited.

use serde::Serialize;

use crate::command::CommandId;
use crate::disconnect::{DISCONNECTS_MAX, Disconnect, DisconnectId, DisconnectTarget};
use crate::draft::Draft;
use crate::history::StoredRows;
use crate::system::System;

/// The rules of disconnect orders.
#[derive(Clone, Copy, Debug)]
pub struct DisconnectRules;

/// One request about connected clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DisconnectCommand {
    /// Order every node to disconnect these clients.
    Order(DisconnectId, DisconnectTarget),
}

/// Why the rules refuse an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DisconnectRefusal {
    /// As many orders as are kept were given lately.
    #[error("at most {DISCONNECTS_MAX} disconnect orders in 15 minutes")]
    TooMany,
}

impl System for DisconnectRules {
    type Command = DisconnectCommand;
    type Refusal = DisconnectRefusal;
    type Limits = ();

    fn command_name(_: &DisconnectCommand) -> &'static str {
        "disconnect"
    }

    /// Removes orders that are older than their retention.
    fn settle(draft: &mut Draft<'_>) {
        draft.remove_due::<Disconnect>();
    }

    fn apply(
        draft: &mut Draft<'_>,
        _: &StoredRows,
        command: &DisconnectCommand,
        _: CommandId,
    ) -> Result<(), DisconnectRefusal> {
        let DisconnectCommand::Order(id, target) = command;
        if draft.all::<Disconnect>().count() >= DISCONNECTS_MAX {
            return Err(DisconnectRefusal::TooMany);
        }
        draft.put(Disconnect { id: id.clone(), target: target.clone(), at: draft.now });
        Ok(())
    }
}
