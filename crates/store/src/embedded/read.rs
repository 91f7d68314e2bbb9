//! Reads from a snapshot. Each read copies its result and ends: the file grows as long as a snapshot is open.

use std::collections::BTreeSet;

use bytes::Bytes;
use engine::StoreTime;
use engine::store::{Due, DuePage, Fault, FaultKind, LoadedBoard, Shards};
use redb::{Database, ReadableDatabase};
use timers::{ItemKey, Millis, Position, RequiredRows, Scope, Tag, Timestamp};

use crate::embedded::head::StoredHead;
use crate::embedded::history;
use crate::embedded::tables::{ABSORBED, CLOCK, CLOSED, DUE, HEADS, ITEMS, ROWS, TIME};
use crate::embedded::touches::Touches;
use crate::known_scopes::{KnownScopes, PAGE_SIZE, PAGES_MAX};

pub(crate) fn load(
    database: &Database,
    scope: &Scope,
    required: &RequiredRows,
    touches: &Touches,
    now: Timestamp,
) -> Result<LoadedBoard, Fault> {
    let of = scope;
    let scope = scope.to_string();
    let snapshot = database.begin_read().map_err(fault)?;
    let head = head(&snapshot, &scope)?.head;
    let table = snapshot.open_table(ITEMS).map_err(fault)?;
    let mut items = Vec::new();
    for entry in table.range((scope.as_str(), "")..).map_err(fault)? {
        let (key, bytes) = entry.map_err(fault)?;
        let (owner, key) = key.value();
        if owner != scope {
            break;
        }
        items.push((ItemKey::from_stored(key), Bytes::copy_from_slice(bytes.value())));
    }
    let table = snapshot.open_table(ROWS).map_err(fault)?;
    let mut existing = BTreeSet::new();
    for id in &required.existing {
        if table.get((scope.as_str(), id.as_str())).map_err(fault)?.is_some() {
            existing.insert(id.clone());
        }
    }
    let rows = required.bodies.iter().map(|id| history::row(&table, &scope, id.as_str()));
    let rows = rows.filter_map(Result::transpose).collect::<Result<Vec<_>, Fault>>()?;
    let touched_at = touches.of(of, &snapshot)?;
    let (position, recent) = (head.position, head.recent.into());
    Ok(LoadedBoard { position, at: head.at, items, existing, rows, recent, touched_at, now })
}

pub(crate) fn positions(database: &Database, scopes: &[Scope]) -> Result<Vec<Option<Position>>, Fault> {
    let snapshot = database.begin_read().map_err(fault)?;
    let position = |scope: &Scope| head(&snapshot, &scope.to_string()).ok().map(|stored| stored.head.position);
    Ok(scopes.iter().map(position).collect())
}

/// Reads at most `limit` deadlines; entries of unknown scopes are skipped.
pub(crate) fn due(
    database: &Database,
    until: Timestamp,
    limit: usize,
    known_scopes: &KnownScopes,
) -> Result<DuePage, Fault> {
    let snapshot = database.begin_read().map_err(fault)?;
    let table = snapshot.open_table(DUE).map_err(fault)?;
    let mut entries = table.range((0, "")..=(until.0, LAST_ID)).map_err(fault)?;
    let mut due = Vec::new();
    // The same bound as in Redis: a first page of the limit, then whole pages.
    for _ in 0..limit + 1 + (PAGES_MAX - 1) * PAGE_SIZE {
        let Some(entry) = entries.next() else { return Ok(DuePage { due, more: false, unread: Shards::NONE }) };
        let (key, _) = entry.map_err(fault)?;
        let (at, entry) = key.value();
        let Some(scope) = known_scopes.parse(entry.as_bytes()) else { continue };
        if due.len() == limit {
            break;
        }
        due.push(Due { scope, at: Timestamp(at) });
    }
    Ok(DuePage { due, more: true, unread: Shards::NONE })
}

/// Reads the last recorded time, and whether the store was closed then. A file without a record was written by an older
/// version: its last change tells.
pub(crate) fn recorded_time(database: &Database) -> Result<(StoreTime, bool), Fault> {
    let snapshot = database.begin_read().map_err(fault)?;
    let table = snapshot.open_table(CLOCK).map_err(fault)?;
    let field = |name| table.get(name).map(|value| value.map(|value| value.value())).map_err(fault);
    if let Some(now) = field(TIME)? {
        let absorbed = Millis(field(ABSORBED)?.unwrap_or_default());
        return Ok((StoreTime { now: Timestamp(now), absorbed }, field(CLOSED)? == Some(1)));
    }
    let mut last = Timestamp(0);
    for entry in snapshot.open_table(HEADS).map_err(fault)?.range::<&str>(..).map_err(fault)? {
        let (_, bytes) = entry.map_err(fault)?;
        last = last.max(StoredHead::decode(bytes.value()).map_or(Timestamp(0), |stored| stored.head.at));
    }
    Ok((StoreTime { now: last, absorbed: Millis(0) }, false))
}

/// Tells whether a board is at a tag.
pub(crate) fn is_at(database: &Database, scope: &Scope, tag: Tag) -> Result<bool, Fault> {
    let snapshot = database.begin_read().map_err(fault)?;
    Ok(head(&snapshot, &scope.to_string())?.head.position.tag == tag)
}

/// Sorts after every id: no text has a byte above the first byte of this character.
pub(crate) const LAST_ID: &str = "\u{10FFFF}";

fn head(snapshot: &redb::ReadTransaction, scope: &str) -> Result<StoredHead, Fault> {
    let table = snapshot.open_table(HEADS).map_err(fault)?;
    match table.get(scope).map_err(fault)? {
        Some(bytes) => StoredHead::decode(bytes.value()),
        None => Ok(StoredHead::default()),
    }
}

pub(crate) fn fault(error: impl Into<redb::Error>) -> Fault {
    Fault::new(FaultKind::Unavailable, error.into())
}

pub(crate) fn damaged(reason: &str) -> Fault {
    Fault::new(FaultKind::Damaged, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::embedded::database::Handle;

    /// Writes entries directly into the due index, one millisecond apart.
    fn database(entries: &[&str]) -> (std::sync::Arc<Database>, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let database = Handle::open(folder.path()).unwrap().get().unwrap();
        let transaction = database.begin_write().unwrap();
        {
            let mut table = transaction.open_table(DUE).unwrap();
            for (at, entry) in (1_u64..).zip(entries) {
                table.insert((at, *entry), ()).unwrap();
            }
        }
        transaction.commit().unwrap();
        (database, folder)
    }

    fn check(entries: &[&str], limit: usize, expected: &[&str], more: bool) {
        let (database, _folder) = database(entries);
        let page = due(&database, Timestamp(1_000_000), limit, &KnownScopes::new()).unwrap();
        let scopes: Vec<String> = page.due.iter().map(|due| due.scope.to_string()).collect();
        assert_eq!((scopes.iter().map(String::as_str).collect::<Vec<_>>(), page.more), (expected.to_vec(), more));
    }

    #[test]
    fn due_entries_of_unknown_and_malformed_scopes_are_skipped() {
        check(&["planet:1", "", "no scope", "user:ann", "user:", "room:r"], 9, &["user:ann", "room:r"], false);
        check(&["planet:1", "user:ann", "no scope"], 1, &["user:ann"], false);
        check(&["planet:1", "user:ann", "no scope", "user:ben"], 1, &["user:ann"], true);
        check(&[], 1, &[], false);
    }

    #[test]
    fn many_unknown_entries_do_not_hide_a_known_scope_and_a_query_is_bounded() {
        let unknown: Vec<String> = (0..8_000).map(|nth| format!("planet:{nth}")).collect();
        let unknown: Vec<&str> = unknown.iter().map(String::as_str).collect();
        let entries: Vec<&str> = unknown[..5_000].iter().copied().chain(["user:ann"]).collect();
        check(&entries, 16, &["user:ann"], false);
        let entries: Vec<&str> = unknown.iter().copied().chain(["user:ann"]).collect();
        check(&entries, 16, &[], true);
    }
}
