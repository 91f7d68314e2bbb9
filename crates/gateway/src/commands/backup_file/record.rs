//! The records of a backup: a scope, or rows of the scope before them. All stored bytes are kept as they are.

use bytes::{Buf, BufMut, Bytes};
use engine::store::{ArchivedRow, RecentId, StoredScope};
use timers::{CommandId, HistoryId, ItemKey, Position, Revision, Tag, Timestamp};

const SCOPE: u8 = 1;
const ROWS: u8 = 2;

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// A scope.
    Scope(StoredScope),
    /// Rows of the last scope.
    Rows(Vec<ArchivedRow>),
}

pub(super) fn put_scope(to: &mut Vec<u8>, stored: &StoredScope) {
    to.put_u8(SCOPE);
    put_bytes(to, stored.scope.to_string().as_bytes());
    to.put_u64(stored.position.revision.0);
    to.put_u64(stored.position.tag.0);
    to.put_u64(stored.at.0);
    for instant in [stored.deadline, stored.ends_at, stored.touched_at] {
        to.put_u8(u8::from(instant.is_some()));
        to.put_u64(instant.unwrap_or_default().0);
    }
    put_count(to, stored.recent.len());
    for recent in &stored.recent {
        to.put_u64(recent.id.0);
        to.put_u64(recent.revision.0);
        to.put_u64(recent.at.0);
    }
    put_count(to, stored.items.len());
    for (key, bytes) in &stored.items {
        put_bytes(to, key.as_str().as_bytes());
        put_bytes(to, bytes);
    }
}

pub(super) fn put_rows(to: &mut Vec<u8>, rows: &[ArchivedRow]) {
    to.put_u8(ROWS);
    put_count(to, rows.len());
    for row in rows {
        put_bytes(to, row.id.as_str().as_bytes());
        to.put_u64(row.at.0);
        put_bytes(to, &row.value());
    }
}

/// Takes the first record of a block's content. The error says what is wrong with it.
pub(super) fn take(from: &mut Bytes) -> Result<Record, String> {
    match byte(from)? {
        SCOPE => scope(from).map(Record::Scope),
        ROWS => rows(from).map(Record::Rows),
        kind => Err(format!("a record is of the unknown kind {kind}")),
    }
}

fn scope(from: &mut Bytes) -> Result<StoredScope, String> {
    let scope = text(from)?.parse().map_err(|error: timers::BadScope| error.to_string())?;
    let position = Position { revision: Revision(number(from)?), tag: Tag(number(from)?) };
    let at = Timestamp(number(from)?);
    let mut instants = [None; 3];
    for instant in &mut instants {
        let is_set = byte(from)? == 1;
        *instant = Some(Timestamp(number(from)?)).filter(|_| is_set);
    }
    let [deadline, ends_at, touched_at] = instants;
    let mut recent = Vec::new();
    for _ in 0..count(from)? {
        let (id, revision, at) = (number(from)?, number(from)?, number(from)?);
        recent.push(RecentId { id: CommandId(id), revision: Revision(revision), at: Timestamp(at) });
    }
    let mut items = Vec::new();
    for _ in 0..count(from)? {
        items.push((ItemKey::from_stored(&text(from)?), bytes(from)?));
    }
    Ok(StoredScope { scope, position, at, items, recent, deadline, ends_at, touched_at })
}

fn rows(from: &mut Bytes) -> Result<Vec<ArchivedRow>, String> {
    let mut rows = Vec::new();
    for _ in 0..count(from)? {
        let id = HistoryId::new(&text(from)?).map_err(|error| format!("the id of a history row {error}"))?;
        let at = Timestamp(number(from)?);
        rows.push(ArchivedRow::from_value(id, at, bytes(from)?).map_err(|fault| fault.to_string())?);
    }
    Ok(rows)
}

fn put_count(to: &mut Vec<u8>, count: usize) {
    to.put_u64(count as u64);
}

fn put_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    put_count(to, bytes.len());
    to.put_slice(bytes);
}

fn byte(from: &mut Bytes) -> Result<u8, String> {
    from.try_get_u8().map_err(|_| cut())
}

fn number(from: &mut Bytes) -> Result<u64, String> {
    from.try_get_u64().map_err(|_| cut())
}

/// Each thing counted takes a byte at least, so that a wrong count ends soon.
fn count(from: &mut Bytes) -> Result<usize, String> {
    let count = usize::try_from(number(from)?).map_err(|_| cut())?;
    if count > from.len() { Err(cut()) } else { Ok(count) }
}

fn bytes(from: &mut Bytes) -> Result<Bytes, String> {
    let length = count(from)?;
    Ok(from.split_to(length))
}

fn text(from: &mut Bytes) -> Result<String, String> {
    String::from_utf8(bytes(from)?.to_vec()).map_err(|_| "a text is not UTF-8".to_owned())
}

fn cut() -> String {
    "a record is cut".to_owned()
}
