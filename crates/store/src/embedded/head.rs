//! The stored form of a board's head: a version byte, then big-endian numbers of eight bytes.

use std::collections::VecDeque;

use bytes::{Buf, BufMut};
use engine::store::{Fault, FaultKind, Head, RecentId};
use timers::{CommandId, Position, Revision, Tag, Timestamp};

const FORMAT: u8 = 1;

/// Bytes of revision, tag, time and deadline.
const FIXED: usize = 4 * 8;

/// Bytes of id, revision and time.
const RECENT: usize = 3 * 8;

/// A head, with the scope's deadline as in the due index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StoredHead {
    pub(crate) head: Head,
    pub(crate) deadline: Option<Timestamp>,
}

impl StoredHead {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let head = &self.head;
        let mut bytes = Vec::with_capacity(1 + FIXED + RECENT * head.recent.len());
        bytes.put_u8(FORMAT);
        bytes.put_u64(head.position.revision.0);
        bytes.put_u64(head.position.tag.0);
        bytes.put_u64(head.at.0);
        bytes.put_u64(self.deadline.map_or(0, |at| at.0));
        for recent in &head.recent {
            bytes.put_u64(recent.id.0);
            bytes.put_u64(recent.revision.0);
            bytes.put_u64(recent.at.0);
        }
        bytes
    }

    pub(crate) fn decode(mut bytes: &[u8]) -> Result<Self, Fault> {
        let complete = bytes.len() > FIXED && (bytes.len() - 1 - FIXED).is_multiple_of(RECENT);
        if !complete || bytes.get_u8() != FORMAT {
            return Err(Fault::new(FaultKind::Damaged, "the head of a board can't be decoded"));
        }
        let position = Position { revision: Revision(bytes.get_u64()), tag: Tag(bytes.get_u64()) };
        let at = Timestamp(bytes.get_u64());
        let deadline = Some(Timestamp(bytes.get_u64())).filter(|at| at.0 > 0);
        let mut recent = VecDeque::new();
        while bytes.has_remaining() {
            recent.push_back(RecentId {
                id: CommandId(bytes.get_u64()),
                revision: Revision(bytes.get_u64()),
                at: Timestamp(bytes.get_u64()),
            });
        }
        Ok(Self { head: Head { position, at, recent }, deadline })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_decoded_as_encoded_and_damage_is_an_error() {
        let recent = RecentId { id: CommandId(7), revision: Revision(2), at: Timestamp(9) };
        let head = Head {
            position: Position { revision: Revision(3), tag: Tag(u64::MAX) },
            at: Timestamp(5),
            recent: VecDeque::from([recent, recent]),
        };
        for deadline in [None, Some(Timestamp(11))] {
            let stored = StoredHead { head: head.clone(), deadline };
            assert_eq!(StoredHead::decode(&stored.encode()).unwrap(), stored);
        }
        let bytes = StoredHead { head, deadline: None }.encode();
        assert!(StoredHead::decode(&bytes[..bytes.len() - 1]).is_err());
        assert!(StoredHead::decode(&[]).is_err());
        assert!(StoredHead::decode(&[2; 33]).is_err());
    }
}
