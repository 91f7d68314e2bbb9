//! Clients that were sent away, for all nodes to know: those whose link to the store was down at that moment, too.

mod command;
mod rules;
mod sent_away;

pub use command::Command;
pub(crate) use rules::{apply, settle};
pub use sent_away::{DISCONNECTS_MAX, Disconnect, KEPT_FOR, Refusal, Whom};
