//! What a system of timers provides. [`systems`](crate::systems) lists the systems.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::command::CommandId;
use crate::draft::Draft;
use crate::history::{RequiredRows, StoredRows};
use crate::ids::NodeId;
use crate::item::ItemId;
use crate::scope::Scope;
use crate::systems::{Item, Limits};
use crate::time::{Millis, Timestamp};

/// The rules of one system: its commands, refusals and limits, and what they do to a board.
pub trait System {
    /// The commands that the system obeys. Their JSON is hashed into [`CommandId`]s.
    type Command: Clone + Debug + PartialEq + Eq + Serialize;
    /// The reasons for which the system refuses a command.
    type Refusal: std::error::Error + Copy + PartialEq + Eq;
    /// The bounds that an operator sets.
    type Limits: Clone + Debug + Default + PartialEq + Eq;

    /// Returns the name of a command in traces: `<system>.<verb>`.
    fn command_name(command: &Self::Command) -> &'static str;

    /// Returns the history rows that [`System::apply`] must know.
    fn required_rows(_: &Self::Command) -> RequiredRows {
        RequiredRows::default()
    }

    /// Carries out the deadlines of the system's items that have passed. Runs before every command.
    ///
    /// Asks `Draft::has_capacity` before each removal, and leaves the rest to the next commit if there is none.
    fn settle(_: &mut Draft<'_>) {}

    /// Carries out what only the firing of the scope's deadline may trigger.
    fn expire(_: &mut Draft<'_>) {}

    /// Returns the command that removes a dead node's members from a scope; `None` if it is not a scope of this system in
    /// which nodes have members.
    ///
    /// `alive_until` is the last instant, in cluster time, at which the node is known to have lived. The command may come
    /// again, also after the node's members have returned by way of another node.
    fn remove_node(_scope: &Scope, _node: &NodeId, _alive_until: Timestamp) -> Option<Self::Command> {
        None
    }

    /// Applies one command to a draft.
    ///
    /// # Errors
    /// The refusal; the draft is then discarded.
    fn apply(
        draft: &mut Draft<'_>,
        stored: &StoredRows,
        command: &Self::Command,
        id: CommandId,
    ) -> Result<(), Self::Refusal>;
}

/// A type of item on a board.
pub trait ItemType: ItemVariant + Serialize + DeserializeOwned + 'static {
    /// The name of the type in keys and stored items. Part of the storage format.
    const KIND: &'static str;
    /// The format number that this version writes. Items of a higher number stay unread and unchanged.
    const FORMAT: u32 = 1;
    /// Names an item among those of its type on one board; `()` if a board has one at most.
    type Id: ItemId + ?Sized;

    /// Returns the item's id.
    fn id(&self) -> &Self::Id;

    /// Returns the instant at which something happens to the item by itself.
    fn deadline(&self, _: &Limits) -> Option<Timestamp> {
        None
    }

    /// Tells whether the item shows another value every second.
    fn ticks(&self) -> bool {
        false
    }

    /// Moves every instant of the item back.
    fn move_back(&mut self, by: Millis);

    /// Returns about how many bytes the stored item takes; 0 for items that are bounded in number instead.
    fn weight(&self) -> usize {
        0
    }
}

/// Converts between an item type and [`Item`]. Implemented by the list of systems.
pub trait ItemVariant: Sized {
    /// Returns the item as this type, if it is of this type.
    fn from_item(item: &Item) -> Option<&Self>;

    /// Wraps the value as an item.
    fn into_item(self) -> Item;
}
