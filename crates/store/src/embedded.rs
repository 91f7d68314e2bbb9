//! The store in a local file, for one node: one writer that commits in groups, with concurrent readers.

mod database;
mod disk;
mod expiry;
mod export;
mod failure_log;
mod head;
mod history;
mod read;
mod store;
mod tables;
mod touches;
mod transaction;
mod transfer;
mod writer;

pub use database::OpenError;
pub use store::EmbeddedStore;
