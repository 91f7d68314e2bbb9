//! The file of a backup: a header, then blocks of scopes and history rows, then an end that tells how many there are.
//!
//! ```text
//! file   "tickcast backup\n" · format (4 bytes, big endian, as all numbers) · blocks
//! block  kind (byte: H, D, E) · length (4) · stored length (4) · checksum (8) · content, compressed as zlib does
//! ```
//!
//! The first block is the header, the last the end; both are JSON. The checksum of a block is xxh3-64 of its kind, its lengths
//! and its stored content, with the checksum of the block before it as the seed, so that no block can be missing, moved or
//! repeated.

mod block;
mod reader;
mod record;
mod writer;

use serde::{Deserialize, Serialize};

pub(crate) use reader::{BackupReader, ReadError};
pub(crate) use record::Record;
pub(crate) use writer::BackupWriter;

/// What a backup begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// A random number that tells backups apart, in hex digits.
    pub(crate) id: String,
    /// The date at which the backup began.
    pub(crate) created: String,
    /// The version of Tickcast that has written it.
    pub(crate) tickcast: String,
    /// The kind of the store.
    pub(crate) store: String,
}

/// What a backup ends with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct End {
    /// The number of scopes.
    pub(crate) scopes: u64,
    /// The number of history rows.
    pub(crate) rows: u64,
    /// The store's time at the end, in milliseconds since 1970.
    pub(crate) now: u64,
    /// The backward steps of the store's clock that were absorbed in that time, in milliseconds.
    pub(crate) absorbed: u64,
}
