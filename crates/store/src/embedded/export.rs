//! The export of all scopes from one snapshot. The file grows while the snapshot is open and the node commits.

use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use engine::store::{ArchivedRow, EXPORT_BYTES, EXPORT_ROWS_MAX, Export, ExportPart, Fault, FaultKind, StoredScope};
use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTableMetadata};
use timers::{HistoryId, ItemKey, Scope, Timestamp};
use tokio::task::spawn_blocking;

use crate::embedded::head::StoredHead;
use crate::embedded::read::{damaged, fault};
use crate::embedded::tables::{ENDS, HEADS, ITEMS, ROWS, TOUCHES};
use crate::embedded::touches::Touches;

/// An export.
pub(crate) struct EmbeddedExport {
    scopes: u64,
    reader: Option<Reader>,
}

/// The place in the snapshot.
struct Reader {
    snapshot: Arc<ReadTransaction>,
    touches: Arc<Touches>,
    place: ReadCursor,
}

#[derive(Clone)]
enum ReadCursor {
    /// After the board of this scope.
    AfterHead(String),
    /// After this row of a scope.
    AfterRow(String, String),
    /// After the last use of this scope. Scopes without a board come after all others.
    AfterTouch(String),
    End,
}

impl EmbeddedExport {
    /// Opens the snapshot.
    pub(crate) fn open(database: &Database, touches: Arc<Touches>) -> Result<Self, Fault> {
        let snapshot = database.begin_read().map_err(fault)?;
        let scopes = snapshot.open_table(HEADS).map_err(fault)?.len().map_err(fault)?;
        let place = ReadCursor::AfterHead(String::new());
        Ok(Self { scopes, reader: Some(Reader { snapshot: Arc::new(snapshot), touches, place }) })
    }
}

#[async_trait]
impl Export for EmbeddedExport {
    fn scopes(&self) -> u64 {
        self.scopes
    }

    async fn next(&mut self) -> Result<Option<ExportPart>, Fault> {
        let gone = || Fault::new(FaultKind::Unavailable, "the export was interrupted");
        let reader = self.reader.take().ok_or_else(gone)?;
        let (reader, part) =
            spawn_blocking(move || reader.read()).await.map_err(|error| Fault::new(FaultKind::Damaged, error))?;
        self.reader = Some(reader);
        part
    }
}

impl Reader {
    fn read(mut self) -> (Self, Result<Option<ExportPart>, Fault>) {
        let part = loop {
            let read = match self.place.clone() {
                ReadCursor::AfterRow(scope, row) => self.rows(scope, &row),
                ReadCursor::AfterHead(scope) => self.scope(&scope),
                ReadCursor::AfterTouch(scope) => self.touch(&scope),
                ReadCursor::End => break Ok(None),
            };
            match read {
                Ok((place, part)) => {
                    self.place = place;
                    if part.is_some() {
                        break Ok(part);
                    }
                }
                Err(fault) => break Err(fault),
            }
        };
        (self, part)
    }

    fn rows(&self, scope: String, after: &str) -> Result<(ReadCursor, Option<ExportPart>), Fault> {
        let table = self.snapshot.open_table(ROWS).map_err(fault)?;
        let from = (Bound::Excluded((scope.as_str(), after)), Bound::Unbounded);
        let (mut rows, mut bytes) = (Vec::new(), 0);
        for entry in table.range::<(&str, &str)>(from).map_err(fault)? {
            let (key, stored) = entry.map_err(fault)?;
            let ((owner, id), (at, value)) = (key.value(), stored.value());
            if owner != scope || rows.len() == EXPORT_ROWS_MAX || bytes >= EXPORT_BYTES {
                break;
            }
            match row(id, at, value) {
                Ok(row) => {
                    bytes += value.len();
                    rows.push(row);
                }
                Err(fault) if rows.is_empty() => {
                    let name = format!("{scope}, history row {id}");
                    return Ok((
                        ReadCursor::AfterRow(scope.clone(), id.to_owned()),
                        Some(ExportPart::Damaged(name, fault)),
                    ));
                }
                // It begins the next part.
                Err(_) => break,
            }
        }
        let Some(last) = rows.last() else { return Ok((ReadCursor::AfterHead(scope), None)) };
        let place = ReadCursor::AfterRow(scope, last.id.to_string());
        Ok((place, Some(ExportPart::Rows(rows))))
    }

    fn scope(&self, after: &str) -> Result<(ReadCursor, Option<ExportPart>), Fault> {
        let table = self.snapshot.open_table(HEADS).map_err(fault)?;
        let mut range = table.range::<&str>((Bound::Excluded(after), Bound::Unbounded)).map_err(fault)?;
        let Some(entry) = range.next() else { return Ok((ReadCursor::AfterTouch(String::new()), None)) };
        let (name, head) = entry.map_err(fault)?;
        let name = name.value().to_owned();
        match self.stored_scope(&name, head.value()) {
            Ok(stored) => Ok((ReadCursor::AfterRow(name, String::new()), Some(ExportPart::Scope(stored)))),
            Err(fault) if fault.kind() == FaultKind::Damaged => {
                Ok((ReadCursor::AfterHead(name.clone()), Some(ExportPart::Damaged(name, fault))))
            }
            Err(fault) => Err(fault),
        }
    }

    fn stored_scope(&self, name: &str, head: &[u8]) -> Result<StoredScope, Fault> {
        let scope: Scope = name.parse().map_err(|error| Fault::new(FaultKind::Damaged, error))?;
        let StoredHead { head, deadline } = StoredHead::decode(head)?;
        let ends = self.snapshot.open_table(ENDS).map_err(fault)?;
        let ends_at = ends.get(name).map_err(fault)?.map(|at| Timestamp(at.value()));
        let touched_at = self.touches.of(&scope, &self.snapshot)?;
        let table = self.snapshot.open_table(ITEMS).map_err(fault)?;
        let mut items = Vec::new();
        for entry in table.range((name, "")..).map_err(fault)? {
            let (key, bytes) = entry.map_err(fault)?;
            let (owner, key) = key.value();
            if owner != name {
                break;
            }
            items.push((ItemKey::from_stored(key), Bytes::copy_from_slice(bytes.value())));
        }
        let (position, at, recent) = (head.position, head.at, head.recent.into());
        Ok(StoredScope { scope, position, at, items, recent, deadline, ends_at, touched_at })
    }

    /// Reads the last use of a scope that has no board.
    fn touch(&self, after: &str) -> Result<(ReadCursor, Option<ExportPart>), Fault> {
        let (touches, heads) =
            (self.snapshot.open_table(TOUCHES).map_err(fault)?, self.snapshot.open_table(HEADS).map_err(fault)?);
        let from = (Bound::Excluded(after), Bound::Unbounded);
        let Some(entry) = touches.range::<&str>(from).map_err(fault)?.next() else {
            return Ok((ReadCursor::End, None));
        };
        let (name, at) = entry.map_err(fault)?;
        let place = ReadCursor::AfterTouch(name.value().to_owned());
        if heads.get(name.value()).map_err(fault)?.is_some() {
            return Ok((place, None));
        }
        let part = match name.value().parse() {
            Ok(scope) => ExportPart::Scope(StoredScope {
                scope,
                position: timers::Position::NONE,
                at: Timestamp(0),
                items: Vec::new(),
                recent: Vec::new(),
                deadline: None,
                ends_at: None,
                touched_at: Some(Timestamp(at.value())),
            }),
            Err(error) => ExportPart::Damaged(name.value().to_owned(), Fault::new(FaultKind::Damaged, error)),
        };
        Ok((place, Some(part)))
    }
}

fn row(id: &str, at: u64, value: &[u8]) -> Result<ArchivedRow, Fault> {
    let id = HistoryId::new(id).map_err(|error| damaged(&error.to_string()))?;
    ArchivedRow::from_value(id, Timestamp(at), Bytes::copy_from_slice(value))
}
