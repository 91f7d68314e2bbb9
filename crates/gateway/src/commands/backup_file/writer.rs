//! Writing a backup.

use std::io::{self, Write};

use engine::store::{ArchivedRow, StoredScope};
use serde::Serialize;

use crate::commands::backup_file::block::{BLOCK_BYTES, BlockHead, BlockKind, CONTENT_MAX, FORMAT, MAGIC, compress};
use crate::commands::backup_file::{End, Header, record};

/// Writes a backup.
pub(crate) struct BackupWriter<W> {
    out: W,
    previous: u64,
    content: Vec<u8>,
}

impl<W: Write> BackupWriter<W> {
    /// Writes the header.
    pub(crate) fn new(mut out: W, header: &Header) -> io::Result<Self> {
        out.write_all(MAGIC)?;
        out.write_all(&FORMAT.to_be_bytes())?;
        let mut writer = Self { out, previous: 0, content: Vec::new() };
        writer.write_json(BlockKind::Header, header)?;
        Ok(writer)
    }

    /// Writes a scope.
    pub(crate) fn scope(&mut self, stored: &StoredScope) -> io::Result<()> {
        record::put_scope(&mut self.content, stored);
        self.end_block_if_full()
    }

    /// Writes rows of the last scope.
    pub(crate) fn rows(&mut self, rows: &[ArchivedRow]) -> io::Result<()> {
        record::put_rows(&mut self.content, rows);
        self.end_block_if_full()
    }

    /// Writes the end, and returns what was written to.
    pub(crate) fn finish(mut self, end: &End) -> io::Result<W> {
        self.end_block()?;
        self.write_json(BlockKind::End, end)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn end_block_if_full(&mut self) -> io::Result<()> {
        if self.content.len() < BLOCK_BYTES { Ok(()) } else { self.end_block() }
    }

    fn end_block(&mut self) -> io::Result<()> {
        if self.content.is_empty() {
            return Ok(());
        }
        let content = std::mem::take(&mut self.content);
        self.write(BlockKind::Data, &content)?;
        self.content = content;
        self.content.clear();
        Ok(())
    }

    fn write_json(&mut self, kind: BlockKind, value: &impl Serialize) -> io::Result<()> {
        let content = serde_json::to_vec(value)?;
        self.write(kind, &content)
    }

    fn write(&mut self, kind: BlockKind, content: &[u8]) -> io::Result<()> {
        if content.len() > CONTENT_MAX {
            return Err(io::Error::other(format!("a scope takes more than {CONTENT_MAX} bytes")));
        }
        let stored = compress(content)?;
        let head = BlockHead::new(kind, content.len(), &stored, self.previous)?;
        self.out.write_all(&head.encode())?;
        self.out.write_all(&stored)?;
        self.previous = head.checksum;
        Ok(())
    }
}
