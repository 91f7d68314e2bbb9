//! A node's proof of life, and the rooms in which it has members: what is cleared up after its death.

mod command;
mod lease;
mod rules;

pub use command::Command;
pub use lease::{LEASE, Lease, Presence, Refusal};
pub(crate) use rules::{apply, settle};
