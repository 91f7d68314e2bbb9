//! A node's lease, and the rooms in which it has members: what is removed after the node dies.

mod command;
mod lease;
mod rules;

pub use command::NodeCommand;
pub use lease::{LEASE_DURATION, Lease, NodeRefusal, Presence};
pub use rules::NodeRules;
