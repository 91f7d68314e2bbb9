//! Rooms: a countdown that a team shares.

mod client;
mod membership;
mod model;
mod protocol;
mod request;
mod task;

pub use client::{CountdownCommand, NewRoom, RoomsClient, RoomsEvent, RoomsSnapshot};
pub use model::{CountdownPhase, remaining_ms};
pub use protocol::{Room, RoomEvent, RoomMember, TimerState};
