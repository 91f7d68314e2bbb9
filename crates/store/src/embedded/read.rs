//! Reading from a snapshot. Each read copies out what it wants and ends: a long one would make the file
//! grow.

use bytes::Bytes;
use engine::store::{ArchivedRow, Due, DueLook, Fault, FaultKind, Loaded, Page, Query};
use redb::{Database, ReadableDatabase};
use timers::{HistoryId, ItemKey, Position, Scope, Timestamp};

use crate::embedded::head::StoredHead;
use crate::embedded::tables::{DUE, HEADS, ITEMS, ROW_INDEX, ROWS};

pub(crate) fn load(database: &Database, scope: &Scope, ask: &[HistoryId], now: Timestamp) -> Result<Loaded, Fault> {
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
    let rows = snapshot.open_table(ROWS).map_err(fault)?;
    let mut known = std::collections::BTreeSet::new();
    for id in ask {
        if rows.get((scope.as_str(), id.as_str())).map_err(fault)?.is_some() {
            known.insert(id.clone());
        }
    }
    Ok(Loaded { position: head.position, at: head.at, items, known, recent: head.recent.into(), now })
}

pub(crate) fn positions(database: &Database, scopes: &[Scope]) -> Result<Vec<Option<Position>>, Fault> {
    let snapshot = database.begin_read().map_err(fault)?;
    let position = |scope: &Scope| head(&snapshot, &scope.to_string()).ok().map(|stored| stored.head.position);
    Ok(scopes.iter().map(position).collect())
}

pub(crate) fn history(database: &Database, scope: &Scope, query: &Query) -> Result<Page, Fault> {
    let scope = scope.to_string();
    let snapshot = database.begin_read().map_err(fault)?;
    let index = snapshot.open_table(ROW_INDEX).map_err(fault)?;
    let table = snapshot.open_table(ROWS).map_err(fault)?;
    let from = (scope.as_str(), 0, "");
    let range = match &query.before {
        Some(before) => index.range(from..(scope.as_str(), before.at.0, before.id.as_str())),
        None => index.range(from..=(scope.as_str(), u64::MAX, LAST_ID)),
    };
    let mut rows = Vec::new();
    for entry in range.map_err(fault)?.rev().take(query.limit + 1) {
        let (key, ()) = entry.map(|(key, value)| (key, value.value())).map_err(fault)?;
        let (_, at, id) = key.value();
        let row = table.get((scope.as_str(), id)).map_err(fault)?;
        let body = row.ok_or_else(|| damaged("a row of the history is missing"))?;
        rows.push(ArchivedRow {
            id: HistoryId::new(id).map_err(|error| damaged(&error.to_string()))?,
            at: Timestamp(at),
            body: Bytes::copy_from_slice(body.value().1),
        });
    }
    Ok(Page::of(rows, query.limit))
}

pub(crate) fn due(database: &Database, until: Timestamp, limit: usize) -> Result<DueLook, Fault> {
    let snapshot = database.begin_read().map_err(fault)?;
    let table = snapshot.open_table(DUE).map_err(fault)?;
    let mut due = Vec::new();
    for entry in table.range((0, "")..=(until.0, LAST_ID)).map_err(fault)?.take(limit + 1) {
        let (key, _) = entry.map_err(fault)?;
        let (at, scope) = key.value();
        let scope = scope.parse().map_err(|error: timers::BadScope| damaged(&error.to_string()))?;
        due.push(Due { scope, at: Timestamp(at) });
    }
    let more = due.len() > limit;
    due.truncate(limit);
    Ok(DueLook { due, more })
}

/// Sorts behind every id: no text has a byte above this character's first.
const LAST_ID: &str = "\u{10FFFF}";

fn head(snapshot: &redb::ReadTransaction, scope: &str) -> Result<StoredHead, Fault> {
    let table = snapshot.open_table(HEADS).map_err(fault)?;
    match table.get(scope).map_err(fault)? {
        Some(bytes) => StoredHead::decode(bytes.value()),
        None => Ok(StoredHead::default()),
    }
}

fn fault(error: impl Into<redb::Error>) -> Fault {
    Fault::new(FaultKind::Unavailable, error.into())
}

fn damaged(why: &str) -> Fault {
    Fault::new(FaultKind::Damaged, why)
}
