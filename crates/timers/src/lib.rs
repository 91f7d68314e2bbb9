//! The rules of every timer that Tickcast keeps.
//!
//! Every function here is pure: no clock, no IO, no randomness. The caller passes the instant (`now`) and the stored
//! board; [`decide`] returns a [`Change`] or a [`Refusal`].

mod board;
pub mod calendar;
mod change;
mod command;
mod decide;
pub mod disconnect;
mod draft;
mod fields;
pub mod focus;
mod history;
mod ids;
mod item;
pub mod node;
mod position;
pub mod punch_clock;
mod raw_json;
pub mod room;
#[cfg(feature = "schema")]
mod schema;
mod scope;
pub mod stopwatch;
pub mod studio;
mod system;
mod systems;
mod time;

pub use board::Board;
pub use change::{Change, DeadlineMove, Decision, ITEMS_MAX, REMOVALS_MAX, ROWS_MAX};
pub use command::CommandId;
pub use decide::decide;
pub use disconnect::DisconnectId;
pub use draft::Draft;
pub use fields::{BadField, Fields};
pub use history::{HistoryBound, HistoryId, IndexTerm, ROW_TERMS_MAX, RequiredRows, Row, StoredRows};
pub use ids::{
    BadId, ClientId, ConnectionId, GoalId, ID_BYTES_MAX, MemberId, NodeId, OrganizationId, ResumeSecret, RoomId,
    SessionId, UserId,
};
pub use item::{BadItem, ItemId, ItemKey};
pub use position::{Position, Revision, Tag};
pub use raw_json::RawJson;
pub use scope::{BadScope, Scope};
pub use system::{ItemType, ItemVariant, System};
pub use systems::{Command, Item, ItemCounts, Limits, Refusal, ScopeKind};
pub use time::{Beat, ClusterTime, MILLIS_PER_BEAT, Millis, Timestamp};
