//! A shared countdown and its members (the Rooms contract).

mod command;
mod countdown;
mod limits;
mod member;
mod refusal;
mod rules;
mod stored;

pub use command::{Joining, RoomCommand};
pub use countdown::{ADJUST_MAX, CountdownPhase, DURATION_DEFAULT, DURATION_MAX, Room};
pub use limits::RoomLimits;
pub use member::Member;
pub use refusal::RoomRefusal;
pub use rules::RoomRules;
