//! Orders to disconnect clients. They are kept on a board that every node watches, so that nodes whose link to the store
//! was down find them later.

mod order;
mod rules;

pub use order::{DISCONNECTS_MAX, Disconnect, DisconnectId, DisconnectTarget, ORDER_RETENTION};
pub use rules::{DisconnectCommand, DisconnectRefusal, DisconnectRules};
