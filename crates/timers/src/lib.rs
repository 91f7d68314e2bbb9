//! The rules of every timer Tickcast keeps.
//!
//! Everything here is a value in, a value out: no clock, no IO, no randomness. The caller brings the
//! instant (`now`) and the stored board, [`decide`] answers with a [`Change`] or a [`Refusal`].

mod board;
mod change;
mod command;
mod decide;
pub mod disconnect;
mod draft;
mod event;
mod fields;
mod history;
mod ids;
mod item;
mod limits;
pub mod node;
mod position;
mod raw_json;
mod refusal;
pub mod room;
mod scope;
pub mod stopwatch;
mod time;

pub use board::Board;
pub use change::{Change, DeadlineMove, Decision};
pub use command::{Command, CommandId};
pub use decide::decide;
pub use event::Event;
pub use fields::{BadField, Fields};
pub use history::{HistoryId, Known, Row};
pub use ids::{
    BadId, DisconnectId, GoalId, ID_BYTES_MAX, LinkId, MemberId, NodeId, ResumeSecret, RoomId, SessionId, UserId,
};
pub use item::{BadItem, Item, ItemKey};
pub use limits::{GOAL_BYTES_MAX, Limits, ROWS_MAX, RoomLimits};
pub use position::{Position, Revision, Tag};
pub use raw_json::RawJson;
pub use refusal::Refusal;
pub use scope::{BadScope, Scope};
pub use time::{Beat, MILLIS_PER_BEAT, Millis, Timestamp};
