//! The documents of a MongoDB collection, as `mongoexport` writes them: one per line, in Extended JSON.

mod document;
mod extended_json;
mod reader;

pub use document::{DocumentFields, ExportedDocument};
pub use reader::{ExportReader, ReadDocument};
