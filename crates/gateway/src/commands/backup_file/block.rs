//! Blocks: a kind, lengths, a checksum and compressed content.

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use xxhash_rust::xxh3::Xxh3;

/// What each file begins with.
pub(super) const MAGIC: &[u8; 16] = b"tickcast backup\n";

/// The format that this version writes and reads.
pub(super) const FORMAT: u32 = 1;

/// Bytes before the content of a block.
pub(super) const BLOCK_HEAD: usize = 1 + 4 + 4 + 8;

/// Content after which a block is written: enough that compression works well, little enough for memory.
pub(super) const BLOCK_BYTES: usize = 256 << 10;

/// Longest content of a block, so that a damaged length does not take all memory: far above a board, the largest record.
pub(super) const CONTENT_MAX: usize = 256 << 20;

/// The kind of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlockKind {
    Header,
    Data,
    End,
}

/// What is before the content of a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlockHead {
    pub(super) kind: u8,
    pub(super) length: u32,
    pub(super) stored: u32,
    pub(super) checksum: u64,
}

impl BlockKind {
    pub(super) fn byte(self) -> u8 {
        match self {
            Self::Header => b'H',
            Self::Data => b'D',
            Self::End => b'E',
        }
    }

    pub(super) fn of(byte: u8) -> Option<Self> {
        [Self::Header, Self::Data, Self::End].into_iter().find(|kind| kind.byte() == byte)
    }
}

impl BlockHead {
    /// Makes the head of a block with this stored content.
    pub(super) fn new(kind: BlockKind, length: usize, stored: &[u8], previous: u64) -> io::Result<Self> {
        let size = |bytes: usize| u32::try_from(bytes).map_err(|_| io::Error::other("a block is too long"));
        let mut head = Self { kind: kind.byte(), length: size(length)?, stored: size(stored.len())?, checksum: 0 };
        head.checksum = head.checksum_of(stored, previous);
        Ok(head)
    }

    /// Returns the checksum that a block must have.
    pub(super) fn checksum_of(&self, stored: &[u8], previous: u64) -> u64 {
        let mut hash = Xxh3::with_seed(previous);
        hash.update(&[self.kind]);
        hash.update(&self.length.to_be_bytes());
        hash.update(&self.stored.to_be_bytes());
        hash.update(stored);
        hash.digest()
    }

    pub(super) fn encode(&self) -> [u8; BLOCK_HEAD] {
        let mut bytes = [0; BLOCK_HEAD];
        bytes[0] = self.kind;
        bytes[1..5].copy_from_slice(&self.length.to_be_bytes());
        bytes[5..9].copy_from_slice(&self.stored.to_be_bytes());
        bytes[9..].copy_from_slice(&self.checksum.to_be_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8; BLOCK_HEAD]) -> Self {
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        let length = |bytes: &[u8]| u32::try_from(number(bytes)).unwrap_or(u32::MAX);
        Self {
            kind: bytes[0],
            length: length(&bytes[1..5]),
            stored: length(&bytes[5..9]),
            checksum: number(&bytes[9..]),
        }
    }
}

pub(super) fn compress(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content)?;
    encoder.finish()
}

/// Returns the content; fails unless it has this length.
pub(super) fn decompress(stored: &[u8], length: usize) -> io::Result<Vec<u8>> {
    let mut content = Vec::with_capacity(length);
    ZlibDecoder::new(stored).take(length as u64 + 1).read_to_end(&mut content)?;
    if content.len() == length { Ok(content) } else { Err(io::ErrorKind::InvalidData.into()) }
}
