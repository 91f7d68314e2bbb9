//! The Rooms dialect: a shared countdown and who is there, as events with one JSON value each.

mod ask;
mod fault;
mod render;
mod state;

pub use ask::{Ask, Said, Token, parse};
pub use fault::{Code, Fault};
pub use render::{Event, authenticated, error, joined, left, news, state, tick};

/// Most members that a list names; beside it is the whole number.
pub const LISTED_MAX: usize = 100;
