//! Reading a backup. Every block is checked before it is used.

use std::io::{self, Read};

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::commands::backup_file::block::{BLOCK_HEAD, BlockHead, BlockKind, CONTENT_MAX, FORMAT, MAGIC, decompress};
use crate::commands::backup_file::{End, Header, Record, record};

/// Reads a backup.
pub(crate) struct BackupReader<R> {
    from: R,
    /// The place of the next block, and of the one that is being read.
    offset: u64,
    block_at: u64,
    previous: u64,
    content: Bytes,
    header: Header,
    counted: (u64, u64),
    end: Option<End>,
}

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// The file does not begin as a backup does.
    #[error("it is not a backup of Tickcast")]
    NoBackup,
    /// Another version has written it.
    #[error("it has the format {0}, and this version of Tickcast reads the format {FORMAT}")]
    Format(u32),
    /// The file ends too early.
    #[error("it is cut: it ends within the block at byte {0}")]
    Cut(u64),
    /// The file ends between two blocks, but not with the end.
    #[error("it is cut: it ends at byte {0}, before the end of the backup")]
    Unended(u64),
    /// The content is not what was written.
    #[error("it is damaged: the block at byte {0}: {1}")]
    Damaged(u64, String),
    /// The operating system reports an error.
    #[error("it cannot be read: {0}")]
    Io(io::Error),
}

impl<R: Read> BackupReader<R> {
    /// Reads the header.
    pub(crate) fn new(mut from: R) -> Result<Self, ReadError> {
        let mut start = [0; MAGIC.len() + 4];
        if read_all(&mut from, &mut start).map_err(ReadError::Io)? < start.len() {
            return Err(ReadError::NoBackup);
        }
        let (magic, format) = start.split_at(MAGIC.len());
        if magic != MAGIC {
            return Err(ReadError::NoBackup);
        }
        let format = format.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
        if format != FORMAT {
            return Err(ReadError::Format(format));
        }
        let header =
            Header { id: String::new(), created: String::new(), tickcast: String::new(), store: String::new() };
        let (content, counted) = (Bytes::new(), (0, 0));
        let offset = start.len() as u64;
        let mut reader = Self { from, offset, block_at: offset, previous: 0, content, header, counted, end: None };
        match reader.block()? {
            (BlockKind::Header, content) => reader.header = reader.json(&content)?,
            (BlockKind::Data | BlockKind::End, _) => return Err(reader.damaged("it is not the header")),
        }
        Ok(reader)
    }

    /// Returns the header.
    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// Returns the end, after [`BackupReader::next`] has returned the last record.
    pub(crate) fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Reads the next record; `None` after the last one.
    pub(crate) fn next(&mut self) -> Result<Option<Record>, ReadError> {
        while self.content.is_empty() {
            if self.end.is_some() {
                return Ok(None);
            }
            match self.block()? {
                (BlockKind::Data, content) => self.content = content.into(),
                (BlockKind::End, content) => self.finish(&content)?,
                (BlockKind::Header, _) => return Err(self.damaged("it is a second header")),
            }
        }
        let mut content = std::mem::take(&mut self.content);
        let record = record::take(&mut content).map_err(|reason| self.damaged(&reason))?;
        self.content = content;
        match &record {
            Record::Scope(_) => self.counted.0 += 1,
            Record::Rows(_) if self.counted.0 == 0 => return Err(self.damaged("rows come before their scope")),
            Record::Rows(rows) => self.counted.1 += rows.len() as u64,
        }
        Ok(Some(record))
    }

    fn finish(&mut self, content: &[u8]) -> Result<(), ReadError> {
        let end: End = self.json(content)?;
        if (end.scopes, end.rows) != self.counted {
            let (scopes, rows) = self.counted;
            return Err(self.damaged(&format!(
                "the end tells of {} scopes and {} rows, and there are {scopes} and {rows}",
                end.scopes, end.rows
            )));
        }
        if self.from.read(&mut [0]).map_err(ReadError::Io)? > 0 {
            return Err(ReadError::Damaged(self.offset, "something follows the end of the backup".to_owned()));
        }
        self.end = Some(end);
        Ok(())
    }

    /// Reads and checks a block.
    fn block(&mut self) -> Result<(BlockKind, Vec<u8>), ReadError> {
        self.block_at = self.offset;
        let mut head = [0; BLOCK_HEAD];
        match read_all(&mut self.from, &mut head).map_err(ReadError::Io)? {
            0 => return Err(ReadError::Unended(self.block_at)),
            BLOCK_HEAD => {}
            _ => return Err(ReadError::Cut(self.block_at)),
        }
        let head = BlockHead::decode(&head);
        let (length, stored_length) = (head.length as usize, head.stored as usize);
        if length > CONTENT_MAX || stored_length > CONTENT_MAX {
            return Err(self.damaged("its length is impossible"));
        }
        let mut stored = Vec::new();
        let read = self.from.by_ref().take(u64::from(head.stored)).read_to_end(&mut stored).map_err(ReadError::Io)?;
        if read < stored_length {
            return Err(ReadError::Cut(self.block_at));
        }
        if head.checksum_of(&stored, self.previous) != head.checksum {
            return Err(self.damaged("its checksum is wrong"));
        }
        let kind = BlockKind::of(head.kind).ok_or_else(|| self.damaged("its kind is unknown"))?;
        let content = decompress(&stored, length).map_err(|_| self.damaged("its content cannot be decompressed"))?;
        self.previous = head.checksum;
        self.offset += (BLOCK_HEAD + stored_length) as u64;
        Ok((kind, content))
    }

    fn json<T: DeserializeOwned>(&self, content: &[u8]) -> Result<T, ReadError> {
        serde_json::from_slice(content).map_err(|error| self.damaged(&error.to_string()))
    }

    fn damaged(&self, reason: &str) -> ReadError {
        ReadError::Damaged(self.block_at, reason.to_owned())
    }
}

/// Reads until the buffer is full or the file ends, and returns the number of bytes.
fn read_all(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use engine::store::{ArchivedRow, RecentId, StoredScope};
    use timers::{CommandId, HistoryId, IndexTerm, ItemKey, Position, Revision, Tag, Timestamp};

    use super::*;
    use crate::commands::backup_file::BackupWriter;

    fn scope(name: &str) -> StoredScope {
        StoredScope {
            scope: name.parse().unwrap(),
            position: Position { revision: Revision(3), tag: Tag(u64::MAX) },
            at: Timestamp(5),
            items: vec![(ItemKey::from_stored("later:\u{e4}"), Bytes::from_static(b"\x00 not JSON \xff"))],
            recent: vec![RecentId { id: CommandId(1), revision: Revision(2), at: Timestamp(3) }],
            deadline: Some(Timestamp(9)),
            ends_at: None,
            touched_at: Some(Timestamp(0)),
        }
    }

    fn rows(count: u64) -> Vec<ArchivedRow> {
        let row = |nth: u64| ArchivedRow {
            id: HistoryId::new(&format!("row:{nth}")).unwrap(),
            at: Timestamp(nth),
            body: Bytes::from(format!("{{\"nth\": {nth}}}")),
            terms: vec![IndexTerm::new("t:1").unwrap()],
        };
        (0..count).map(row).collect()
    }

    fn records() -> Vec<Record> {
        let many = (0..30).map(|nth| Record::Scope(scope(&format!("planet:{nth}"))));
        [Record::Scope(scope("user:a")), Record::Rows(rows(9000)), Record::Rows(rows(1))]
            .into_iter()
            .chain(many)
            .collect()
    }

    fn header() -> Header {
        let text = str::to_owned;
        Header { id: text("7"), created: text("today"), tickcast: text("0"), store: text("redis") }
    }

    fn file(records: &[Record]) -> Vec<u8> {
        let mut writer = BackupWriter::new(Vec::new(), &header()).unwrap();
        let (mut scopes, mut counted) = (0, 0);
        for record in records {
            match record {
                Record::Scope(stored) => {
                    scopes += 1;
                    writer.scope(stored).unwrap();
                }
                Record::Rows(rows) => {
                    counted += rows.len() as u64;
                    writer.rows(rows).unwrap();
                }
            }
        }
        writer.finish(&End { scopes, rows: counted, now: 1, absorbed: 2 }).unwrap()
    }

    fn read(file: &[u8]) -> Result<Vec<Record>, ReadError> {
        let mut reader = BackupReader::new(file)?;
        assert_eq!(*reader.header(), header());
        let mut records = Vec::new();
        while let Some(record) = reader.next()? {
            records.push(record);
        }
        assert_eq!(reader.end().map(|end| (end.now, end.absorbed)), Some((1, 2)));
        Ok(records)
    }

    #[test]
    fn a_backup_is_read_as_it_was_written() {
        assert_eq!(read(&file(&records())).unwrap(), records());
        assert_eq!(read(&file(&[])).unwrap(), []);
    }

    #[test]
    fn a_cut_file_is_refused_wherever_it_is_cut() {
        let file = file(&records());
        for length in (0..file.len()).step_by(file.len() / 500).chain(file.len() - 40..file.len()) {
            match read(&file[..length]).expect_err("it is cut") {
                ReadError::NoBackup => assert!(length < 20),
                ReadError::Cut(at) | ReadError::Unended(at) => assert!(at <= length as u64),
                other @ (ReadError::Format(_) | ReadError::Damaged(..) | ReadError::Io(_)) => {
                    panic!("{length}: {other}")
                }
            }
        }
        assert!(matches!(read(&[&file[..], b"x"].concat()), Err(ReadError::Damaged(at, _)) if at == file.len() as u64));
    }

    #[test]
    fn each_flipped_bit_is_found_and_its_block_named() {
        let whole = file(&records());
        for at in (0..whole.len()).step_by(whole.len() / 900).chain(0..100).chain(whole.len() - 90..whole.len()) {
            let mut file = whole.clone();
            file[at] ^= 1 << (at % 8);
            match read(&file).expect_err("it is damaged") {
                ReadError::NoBackup => assert!(at < 16),
                ReadError::Format(_) => assert!((16..20).contains(&at)),
                ReadError::Damaged(block, _) | ReadError::Cut(block) | ReadError::Unended(block) => {
                    assert!(block <= at as u64 && at as u64 - block < (1 << 20), "{block}, {at}");
                }
                error @ ReadError::Io(_) => panic!("{error}"),
            }
        }
    }

    /// Cuts a file into its beginning and its blocks.
    fn blocks(file: &[u8]) -> Vec<Vec<u8>> {
        let (start, mut rest) = file.split_at(MAGIC.len() + 4);
        let mut blocks = vec![start.to_vec()];
        while let Some(head) = rest.first_chunk() {
            let (block, after) = rest.split_at(BLOCK_HEAD + BlockHead::decode(head).stored as usize);
            blocks.push(block.to_vec());
            rest = after;
        }
        blocks
    }

    #[test]
    fn blocks_that_are_missing_repeated_or_exchanged_are_found() {
        let rows = |_| Record::Rows(rows(9000));
        let records: Vec<Record> = [Record::Scope(scope("user:a"))].into_iter().chain((0..4).map(rows)).collect();
        let whole = blocks(&file(&records));
        assert!(whole.len() > 5, "{} blocks", whole.len());
        for at in 1..whole.len() - 1 {
            let mut missing = whole.clone();
            missing.remove(at);
            let mut repeated = whole.clone();
            repeated.insert(at, whole[at].clone());
            let mut exchanged = whole.clone();
            exchanged.swap(at, at + 1);
            for changed in [missing, repeated, exchanged] {
                assert!(matches!(read(&changed.concat()), Err(ReadError::Damaged(..))), "block {at}");
            }
        }
        // The end of another file.
        let other = blocks(&file(&records[..1]));
        let mut mixed = whole.clone();
        mixed.splice(whole.len() - 1.., other.last().cloned());
        assert!(matches!(read(&mixed.concat()), Err(ReadError::Damaged(..))));
    }

    #[test]
    fn a_file_of_a_later_format_is_refused() {
        let mut file = file(&[]);
        file[19] = 2;
        let message = read(&file).expect_err("another format").to_string();
        assert_eq!(message, "it has the format 2, and this version of Tickcast reads the format 1");
    }
}
