//! The systems that this version knows, one line each, and the kinds of scopes that their boards belong to.

use std::sync::Arc;

use serde::Serialize;

use crate::command::CommandId;
use crate::draft::Draft;
use crate::history::{HistoryBound, RequiredRows, StoredRows};
use crate::ids::NodeId;
use crate::item::{BadItem, StoredItem, encode};
use crate::raw_json::RawJson;
use crate::scope::Scope;
use crate::system::{ItemType, ItemVariant, System};
use crate::time::{Millis, Timestamp};

/// Each line: the name of the system's commands and refusals, its module, its [`System`], and its item types.
macro_rules! systems {
    ($($(#[$doc:meta])* $name:ident: $module:ident::$rules:ident [$($item:ident),+];)+) => {
        /// One request to a board.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Command {
            $($(#[$doc])* $name(<crate::$module::$rules as System>::Command),)+
            /// Carry out what is due.
            Settle,
        }

        /// Why the rules refuse a command. A retry does not help.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
        pub enum Refusal {
            $($(#[$doc])* #[error(transparent)] $name(#[from] <crate::$module::$rules as System>::Refusal),)+
            /// The change is larger than one commit takes.
            #[error("this changes more than can be changed at once")]
            ChangeTooLarge,
            /// The finished items would exceed the quota of their scope. The store decides it, not the rules.
            #[error("the history is full: it holds at most {0}")]
            HistoryFull(HistoryBound),
        }

        /// The bounds that an operator sets, by system.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Limits {
            $($(#[$doc])* pub $module: <crate::$module::$rules as System>::Limits,)+
        }

        /// One timed thing on a board.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Item {
            $($(#[doc = concat!("See [`", stringify!($item), "`](crate::", stringify!($module), "::", stringify!($item), ").")]
            $item(crate::$module::$item),)+)+
            /// An item that a newer version wrote. It is kept, and never changed.
            Unknown(RawJson),
        }

        /// The number of items on a board, by type.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct ItemCounts([u32; ItemCounts::KINDS.len()]);

        impl ItemCounts {
            /// The names of the types.
            pub const KINDS: &[&str] = &[$($(crate::$module::$item::KIND),+),+];
        }

        impl Command {
            /// Returns the command's name in traces.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$name(command) => crate::$module::$rules::command_name(command),)+
                    Self::Settle => "settle",
                }
            }

            /// Returns the history rows that [`decide`](crate::decide) must know.
            pub fn required_rows(&self) -> RequiredRows {
                match self {
                    $(Self::$name(command) => crate::$module::$rules::required_rows(command),)+
                    Self::Settle => RequiredRows::default(),
                }
            }

            /// Returns the command that removes a dead node's members from a scope; `None` if this version knows none, as
            /// for a scope of a newer version. See [`System::remove_node`].
            pub fn remove_node(scope: &Scope, node: &NodeId, alive_until: Timestamp) -> Option<Self> {
                $(if let Some(command) = crate::$module::$rules::remove_node(scope, node, alive_until) {
                    return Some(Self::$name(command));
                })+
                None
            }
        }

        $(impl From<<crate::$module::$rules as System>::Command> for Command {
            fn from(command: <crate::$module::$rules as System>::Command) -> Self {
                Self::$name(command)
            }
        })+

        impl Item {
            /// Returns the bytes to store, JSON.
            pub fn encode(&self) -> Vec<u8> {
                match self {
                    $($(Self::$item(item) => encode(item),)+)+
                    Self::Unknown(raw) => raw.as_str().as_bytes().to_vec(),
                }
            }

            /// Reads stored bytes. JSON of an unknown type, or of a newer format of its type, becomes
            /// [`Item::Unknown`].
            ///
            /// # Errors
            /// [`BadItem`] if the bytes are not JSON, or do not have the shape of the format that they claim: the
            /// store is damaged, and a retry does not help.
            pub fn decode(bytes: &[u8]) -> Result<Self, BadItem> {
                let stored = StoredItem::read(bytes)?;
                match stored.kind.as_str() {
                    $($(crate::$module::$item::KIND => stored.decode::<crate::$module::$item>(bytes),)+)+
                    _ => stored.keep(bytes),
                }
            }

            /// Returns the instant at which something happens to the item by itself.
            pub fn deadline(&self, limits: &Limits) -> Option<Timestamp> {
                match self {
                    $($(Self::$item(item) => item.deadline(limits),)+)+
                    Self::Unknown(_) => None,
                }
            }

            /// Tells whether the item shows another value every second.
            pub fn ticks(&self) -> bool {
                match self {
                    $($(Self::$item(item) => item.ticks(),)+)+
                    Self::Unknown(_) => false,
                }
            }

            /// Returns the item with every instant moved back. An unknown item stays as it is.
            pub fn moved_back(&self, by: Millis) -> Self {
                let mut moved = self.clone();
                match &mut moved {
                    $($(Self::$item(item) => item.move_back(by),)+)+
                    Self::Unknown(_) => {}
                }
                moved
            }

            /// Returns about how many bytes the stored item takes.
            pub fn weight(&self) -> usize {
                match self {
                    $($(Self::$item(item) => item.weight(),)+)+
                    Self::Unknown(raw) => raw.as_str().len(),
                }
            }

            /// Returns the name of the item's type; `None` for an unknown one.
            pub fn kind(&self) -> Option<&'static str> {
                match self {
                    $($(Self::$item(_) => Some(crate::$module::$item::KIND),)+)+
                    Self::Unknown(_) => None,
                }
            }
        }

        $($(impl ItemVariant for crate::$module::$item {
            fn from_item(item: &Item) -> Option<&Self> {
                if let Item::$item(item) = item { Some(item) } else { None }
            }

            fn into_item(self) -> Item {
                Item::$item(self)
            }
        })+)+

        pub(crate) fn settle(draft: &mut Draft<'_>) {
            $(crate::$module::$rules::settle(draft);)+
        }

        pub(crate) fn expire(draft: &mut Draft<'_>) {
            $(crate::$module::$rules::expire(draft);)+
        }

        /// Applies a command; [`Command::Settle`] expires what is due.
        pub(crate) fn apply(
            draft: &mut Draft<'_>,
            stored: &StoredRows,
            command: &Command,
            id: CommandId,
        ) -> Result<(), Refusal> {
            match command {
                $(Command::$name(command) => Ok(crate::$module::$rules::apply(draft, stored, command, id)?),)+
                Command::Settle => {
                    expire(draft);
                    Ok(())
                }
            }
        }
    };
}

systems! {
    /// A person's stopwatch sessions (Clockit).
    Stopwatch: stopwatch::StopwatchRules [Stopwatch];
    /// A shared countdown and its members (Rooms).
    Room: room::RoomRules [Room, Member];
    /// An organisation's task types and time entries, and its latest events (Studio).
    Studio: studio::StudioRules [StudioCounters, TaskType, TimeEntry, StudioEvent];
    /// A person's working day (Punch clock).
    PunchClock: punch_clock::PunchClockRules [PunchDay];
    /// A person's focus sessions (Focus).
    Focus: focus::FocusRules [FocusSession, FocusStats];
    /// A node's lease, and the scopes in which it has members.
    Node: node::NodeRules [Lease, RoomPresence, ScopePresence];
    /// Orders to disconnect clients on every node.
    Disconnect: disconnect::DisconnectRules [Disconnect];
}

/// Each line: the kind's name in the code and in storage, and whether an empty board of it is deleted.
macro_rules! scope_kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal, expires_when_empty: $expires:literal;)+) => {
        /// The kind of a scope: the part of its text before the colon.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ScopeKind {
            $($(#[$doc])* $name,)+
            /// A kind that a newer version knows. Its boards are kept, listed and never changed.
            Unknown(Arc<str>),
        }

        impl ScopeKind {
            /// The names of the known kinds.
            pub const KNOWN: &[&str] = &[$($text),+];

            /// Returns the kind's text.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$name => $text,)+
                    Self::Unknown(text) => text,
                }
            }

            /// Returns the kind's text for metrics and traces, where all unknown kinds share the label `unknown`.
            pub fn label(&self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                    Self::Unknown(_) => "unknown",
                }
            }

            /// Tells whether an empty board may be deleted, since its id is never used again.
            pub fn expires_when_empty(&self) -> bool {
                match self {
                    $(Self::$name => $expires,)+
                    Self::Unknown(_) => false,
                }
            }

            pub(crate) fn from_text(text: &str) -> Self {
                match text {
                    $($text => Self::$name,)+
                    _ => Self::Unknown(text.into()),
                }
            }
        }
    };
}

scope_kinds! {
    /// One person.
    User = "user", expires_when_empty: false;
    /// One organisation.
    Organization = "org", expires_when_empty: false;
    /// One person's working days.
    WorkDay = "workday", expires_when_empty: false;
    /// One person's focus sessions.
    Focus = "focus", expires_when_empty: false;
    /// One room.
    Room = "room", expires_when_empty: true;
    /// One run of a node: its lease, and the scopes in which it has members.
    Node = "node", expires_when_empty: true;
    /// All nodes.
    Cluster = "cluster", expires_when_empty: false;
}

impl Item {
    /// Returns the item as a type, if it is of that type.
    pub fn get<T: ItemType>(&self) -> Option<&T> {
        T::from_item(self)
    }
}

impl ItemCounts {
    /// Counts items.
    pub fn of<'i>(items: impl Iterator<Item = &'i Item>) -> Self {
        let mut counts = Self::default();
        for kind in items.filter_map(Item::kind) {
            if let Some(at) = Self::KINDS.iter().position(|known| *known == kind) {
                counts.0[at] += 1;
            }
        }
        counts
    }

    /// Returns the counts in the order of [`ItemCounts::KINDS`].
    pub fn by_kind(&self) -> &[u32] {
        &self.0
    }
}
