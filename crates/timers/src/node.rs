//! A node's lease, and the scopes in which it has members: what is removed after the node dies.

mod command;
mod lease;
mod presence;
mod rules;

pub use command::NodeCommand;
pub use lease::{LEASE_DURATION, Lease, NodeRefusal};
pub use presence::{RoomPresence, ScopePresence, scopes_of};
pub use rules::NodeRules;
