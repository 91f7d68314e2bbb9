//! Decodes the replies of scripts and commands.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use engine::store::{ArchivedRow, BeatStatus, Committed, Fault, HistoryQuota, LoadedBoard, RecentId};
use fred::types::Value;
use timers::{Beat, CommandId, HistoryBound, HistoryId, ItemKey, Millis, Position, Revision, Tag, Timestamp};

use crate::redis::fault::malformed_reply;

/// The reply of `commit.lua`.
pub(crate) enum CommitReply {
    /// The outcome, and whether the update could be published.
    Decided(Committed, bool),
    /// Nothing was done: the history must be counted first.
    Uncounted,
}

/// Decodes the reply of `commit.lua`.
///
/// `cluster_time` converts the server's clock to cluster time.
pub(crate) fn committed(
    reply: Value,
    quota: Option<HistoryQuota>,
    cluster_time: impl FnOnce(Timestamp) -> Timestamp,
) -> Result<CommitReply, Fault> {
    let malformed = || malformed_reply("a commit");
    let (status, revision, now, receivers): (String, u64, u64, i64) = reply.convert().map_err(|_| malformed())?;
    let (revision, now) = (Revision(revision), cluster_time(Timestamp(now)));
    let quota = quota.unwrap_or_default();
    let committed = match status.as_str() {
        "done" => Committed::Done(revision, now),
        "repeated" => Committed::Repeated(revision, now),
        "conflict" => Committed::Conflict(now),
        "late" => Committed::Late(now),
        "stale" => Committed::Stale(now),
        "rows-full" => Committed::HistoryFull(HistoryBound::Rows(quota.rows), now),
        "bytes-full" => Committed::HistoryFull(HistoryBound::Bytes(quota.bytes), now),
        "uncounted" => return Ok(CommitReply::Uncounted),
        _ => return Err(malformed()),
    };
    Ok(CommitReply::Decided(committed, receivers >= 0))
}

/// Decodes the reply of `beat.lua`.
pub(crate) fn beat(reply: Value) -> Result<BeatStatus, Fault> {
    let malformed = || malformed_reply("a beat");
    let (beat, now, leader, generation, absorbed): (u64, u64, String, String, u64) =
        reply.convert().map_err(|_| malformed())?;
    let generation = generation.parse().map_err(|_| malformed())?;
    Ok(BeatStatus { beat: Beat(beat), now: Timestamp(now), leader, generation, absorbed: Millis(absorbed) })
}

/// Decodes a published beat; `None` for any other message.
pub(crate) fn published_beat(text: &str) -> Option<BeatStatus> {
    let mut fields = text.splitn(5, ' ');
    let beat = Beat(fields.next()?.parse().ok()?);
    let now = Timestamp(fields.next()?.parse().ok()?);
    let generation = fields.next()?.parse().ok()?;
    let absorbed = Millis(fields.next()?.parse().ok()?);
    Some(BeatStatus { beat, now, leader: fields.next()?.to_owned(), generation, absorbed })
}

/// Decodes a board's hash, with the rows that were read.
pub(crate) fn board(
    mut fields: HashMap<String, Bytes>,
    existing: BTreeSet<HistoryId>,
    rows: Vec<ArchivedRow>,
    now: Timestamp,
) -> Result<LoadedBoard, Fault> {
    let position = position(fields.remove("@rev").as_deref(), fields.remove("@tag").as_deref())?;
    let at = number(fields.remove("@at").as_deref())?;
    let recent = recent(&fields.remove("@ids").unwrap_or_default());
    let touched_at = fields.remove("@touched").map(|at| number(Some(&at)).map(Timestamp)).transpose()?;
    fields.retain(|name, _| !name.starts_with('@'));
    let items = fields.into_iter().map(|(name, bytes)| (ItemKey::from_stored(&name), bytes));
    Ok(LoadedBoard { position, at: Timestamp(at), items: items.collect(), existing, rows, recent, touched_at, now })
}

/// Decodes the board's recent command ids, as packed by `commit.lua`.
fn recent(bytes: &[u8]) -> Vec<RecentId> {
    const RECORD: usize = 8 + 6 + 6;
    let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    let record = |record: &[u8]| RecentId {
        id: CommandId(number(&record[..8])),
        revision: Revision(number(&record[8..14])),
        at: Timestamp(number(&record[14..])),
    };
    bytes.chunks_exact(RECORD).map(record).collect()
}

/// Decodes a board's position.
pub(crate) fn position(revision: Option<&[u8]>, tag: Option<&[u8]>) -> Result<Position, Fault> {
    Ok(Position { revision: Revision(number(revision)?), tag: self::tag(tag)? })
}

/// Decodes a board's tag.
pub(crate) fn tag(bytes: Option<&[u8]>) -> Result<Tag, Fault> {
    match bytes {
        Some(tag) => text(tag)?.parse().map_err(|_| malformed_reply("a position")),
        None => Ok(Tag::NONE),
    }
}

/// Decodes the reply of `TIME`.
pub(crate) fn time((seconds, micros): (u64, u64)) -> Timestamp {
    Timestamp(seconds * 1000 + micros / 1000)
}

fn number(bytes: Option<&[u8]>) -> Result<u64, Fault> {
    match bytes {
        Some(bytes) => text(bytes)?.parse().map_err(|_| malformed_reply("a number")),
        None => Ok(0),
    }
}

fn text(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|_| malformed_reply("a text"))
}
