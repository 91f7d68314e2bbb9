//! Reading what scripts and commands answer.

use std::collections::HashMap;

use bytes::Bytes;
use engine::store::{BeatAnswer, Committed, Fault, Loaded, RecentId};
use fred::types::Value;
use timers::{Beat, CommandId, HistoryId, ItemKey, Millis, Position, Revision, Tag, Timestamp};

use crate::redis::fault::nonsense;

/// Reads the answer of `commit.lua`; the second value is false if the update could not be published.
///
/// `cluster_time` makes cluster time of what the server's clock says.
pub(crate) fn committed(
    answer: Value,
    cluster_time: impl FnOnce(Timestamp) -> Timestamp,
) -> Result<(Committed, bool), Fault> {
    let wrong = || nonsense("a commit");
    let (word, revision, now, receivers): (String, u64, u64, i64) = answer.convert().map_err(|_| wrong())?;
    let (revision, now) = (Revision(revision), cluster_time(Timestamp(now)));
    let committed = match word.as_str() {
        "done" => Committed::Done(revision, now),
        "repeated" => Committed::Repeated(revision, now),
        "conflict" => Committed::Conflict(now),
        "late" => Committed::Late(now),
        "stale" => Committed::Stale(now),
        _ => return Err(wrong()),
    };
    Ok((committed, receivers >= 0))
}

/// Reads the answer of `beat.lua`.
pub(crate) fn beat(answer: Value) -> Result<BeatAnswer, Fault> {
    let wrong = || nonsense("a beat");
    let (beat, now, leader, generation, absorbed): (u64, u64, String, String, u64) =
        answer.convert().map_err(|_| wrong())?;
    let generation = generation.parse().map_err(|_| wrong())?;
    Ok(BeatAnswer { beat: Beat(beat), now: Timestamp(now), leader, generation, absorbed: Millis(absorbed) })
}

/// Reads a beat as it is published; `None` for anything else.
pub(crate) fn published_beat(text: &str) -> Option<BeatAnswer> {
    let mut words = text.splitn(5, ' ');
    let beat = Beat(words.next()?.parse().ok()?);
    let now = Timestamp(words.next()?.parse().ok()?);
    let generation = words.next()?.parse().ok()?;
    let absorbed = Millis(words.next()?.parse().ok()?);
    Some(BeatAnswer { beat, now, leader: words.next()?.to_owned(), generation, absorbed })
}

/// Reads a board's hash.
pub(crate) fn board(
    mut fields: HashMap<String, Bytes>,
    known: impl Iterator<Item = HistoryId>,
    now: Timestamp,
) -> Result<Loaded, Fault> {
    let position = position(fields.remove("@rev").as_deref(), fields.remove("@tag").as_deref())?;
    let at = number(fields.remove("@at").as_deref())?;
    let recent = recent(&fields.remove("@ids").unwrap_or_default());
    fields.retain(|name, _| !name.starts_with('@'));
    let items = fields.into_iter().map(|(name, bytes)| (ItemKey::from_stored(&name), bytes));
    Ok(Loaded { position, at: Timestamp(at), items: items.collect(), known: known.collect(), recent, now })
}

/// Reads the commands that a board remembers, as `commit.lua` packs them.
fn recent(bytes: &[u8]) -> Vec<RecentId> {
    const RECORD: usize = 8 + 6 + 6;
    let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    let record = |record: &[u8]| RecentId {
        id: CommandId(number(&record[..8])),
        made: Revision(number(&record[8..14])),
        at: Timestamp(number(&record[14..])),
    };
    bytes.chunks_exact(RECORD).map(record).collect()
}

/// Reads where a board stands.
pub(crate) fn position(revision: Option<&[u8]>, tag: Option<&[u8]>) -> Result<Position, Fault> {
    Ok(Position { revision: Revision(number(revision)?), tag: self::tag(tag)? })
}

/// Reads a board's tag.
pub(crate) fn tag(bytes: Option<&[u8]>) -> Result<Tag, Fault> {
    match bytes {
        Some(tag) => text(tag)?.parse().map_err(|_| nonsense("a position")),
        None => Ok(Tag::NONE),
    }
}

/// Reads the answer of `TIME`.
pub(crate) fn time((seconds, micros): (u64, u64)) -> Timestamp {
    Timestamp(seconds * 1000 + micros / 1000)
}

fn number(bytes: Option<&[u8]>) -> Result<u64, Fault> {
    match bytes {
        Some(bytes) => text(bytes)?.parse().map_err(|_| nonsense("a number")),
        None => Ok(0),
    }
}

fn text(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|_| nonsense("a text"))
}
