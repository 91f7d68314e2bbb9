//! The Clockit dialect: stopwatch sessions over a WebSocket, rows of history over HTTP.

mod goal;
mod message;
mod render;
pub mod rows;
mod state;
mod tick;

pub use message::{Auth, Message, MessageId, Said, parse};
pub use render::{ack, authenticated, catch_up, error, news, ready};
pub use tick::ticks;

/// Which of the two ways of speaking a client knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// One `tick` a running session with an object as payload; a snapshot after each change.
    Seed,
    /// One `tick` a second with an array as payload; the changed session after each change.
    V1,
}

impl std::str::FromStr for Dialect {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        match name {
            "seed" => Ok(Self::Seed),
            "v1" => Ok(Self::V1),
            _ => Err(()),
        }
    }
}
