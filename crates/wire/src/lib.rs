//! The dialects clients speak: text to commands, boards and beats to messages. Pure.

pub mod clockit;
mod fault;
pub mod rooms;

pub use fault::{Code, Fault};
