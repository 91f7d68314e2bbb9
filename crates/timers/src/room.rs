//! A countdown that a team shares, and who is there (the Rooms contract).

mod command;
mod countdown;
mod member;
mod refusal;
mod rules;
mod stored;

pub use command::{Command, Joining};
pub use countdown::{ADJUST_MAX, DURATION_MAX, DURATION_USUAL, Phase, Room};
pub use member::Member;
pub use refusal::Refusal;
pub(crate) use rules::{apply, settle};
