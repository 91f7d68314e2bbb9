//! Rooms: a countdown that a team shares.

mod client;
mod codec;
mod membership;
mod model;
mod protocol;
mod task;

pub use client::{CountdownCommand, NewRoom, RoomsClient, RoomsEvent, RoomsSnapshot};
pub use model::{CountdownPhase, remaining_ms};
pub use protocol::{Room, RoomEvent, RoomMember, TimerState};
