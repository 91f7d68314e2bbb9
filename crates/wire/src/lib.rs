//! The dialects clients speak: text to commands, boards and beats to messages. Pure.

pub mod clockit;
mod fault;
pub mod rooms;
mod time_sync;
mod trace;

pub use fault::{Code, Fault};
pub use time_sync::{TimePing, json_rpc as answer_time_sync};
