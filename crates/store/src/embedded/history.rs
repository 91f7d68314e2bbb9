//! Rows of histories and the index of their terms: writing, deleting and querying.

use bytes::Bytes;
use engine::store::{ArchivedRow, Fault, Page, Query};
use redb::{Database, ReadableDatabase, ReadableTable};
use timers::{HistoryId, IndexTerm, Scope, Timestamp};

use crate::embedded::read::{LAST_ID, damaged, fault};
use crate::embedded::tables::{ROW_INDEX, ROW_TERMS, ROWS};
use crate::embedded::transaction::Tables;

impl Tables<'_> {
    /// Writes a row, in place of one of the same id.
    pub(crate) fn put_row(&mut self, scope: &str, row: &ArchivedRow) -> Result<(), redb::Error> {
        let id = row.id.as_str();
        let before = self.rows.insert((scope, id), (row.at.0, row.value().as_ref()))?.map(|old| entries(old.value()));
        if let Some((at, terms)) = before {
            self.remove_entries(scope, id, at, &terms)?;
        }
        self.row_index.insert((scope, row.at.0, id), ())?;
        for term in &row.terms {
            self.row_terms.insert((scope, term.as_str(), row.at.0, id), ())?;
        }
        Ok(())
    }

    /// Deletes a row with its entries in the indexes, if it is there.
    pub(crate) fn remove_row(&mut self, scope: &str, id: &str) -> Result<(), redb::Error> {
        let before = self.rows.remove((scope, id))?.map(|old| entries(old.value()));
        before.map_or(Ok(()), |(at, terms)| self.remove_entries(scope, id, at, &terms))
    }

    fn remove_entries(&mut self, scope: &str, id: &str, at: u64, terms: &[IndexTerm]) -> Result<(), redb::Error> {
        self.row_index.remove((scope, at, id))?;
        for term in terms {
            self.row_terms.remove((scope, term.as_str(), at, id))?;
        }
        Ok(())
    }

    /// Deletes entries of the index of terms whose rows are gone, `limit` at most, and returns their number. A version that does not
    /// know terms leaves them.
    pub(crate) fn remove_terms(&mut self, scope: &str, limit: usize) -> Result<usize, redb::Error> {
        let mut entries = Vec::new();
        for entry in self.row_terms.range((scope, "", 0, "")..)?.take(limit) {
            let (key, _) = entry?;
            let (owner, term, at, id) = key.value();
            if owner != scope {
                break;
            }
            entries.push((term.to_owned(), at, id.to_owned()));
        }
        for (term, at, id) in &entries {
            self.row_terms.remove((scope, term.as_str(), *at, id.as_str()))?;
        }
        Ok(entries.len())
    }
}

/// Returns the instant and the terms of a stored row, which are in the indexes.
fn entries((at, value): (u64, &[u8])) -> (u64, Vec<IndexTerm>) {
    (at, ArchivedRow::terms_of(value))
}

/// Reads one page.
pub(crate) fn history(database: &Database, scope: &Scope, query: &Query) -> Result<Page, Fault> {
    let (oldest, (newest, below)) = (query.oldest_at(), query.newest_at());
    if oldest > newest {
        return Ok(Page { rows: Vec::new(), next: None });
    }
    let scope = scope.to_string();
    let snapshot = database.begin_read().map_err(fault)?;
    let table = snapshot.open_table(ROWS).map_err(fault)?;
    let wanted = query.limit.saturating_add(1);
    let mut rows = Vec::new();
    if let Some(term) = &query.term {
        let index = snapshot.open_table(ROW_TERMS).map_err(fault)?;
        let (scope, of_term) = (scope.as_str(), term.as_str());
        let from = (scope, of_term, oldest.0, "");
        let entries = match below {
            Some(below) => index.range(from..(scope, of_term, newest.0, below.as_str())),
            None => index.range(from..=(scope, of_term, newest.0, LAST_ID)),
        };
        for entry in entries.map_err(fault)?.rev() {
            let (key, _) = entry.map_err(fault)?;
            let (.., at, id) = key.value();
            // A version that does not know terms may have replaced the row.
            let row = row(&table, scope, id)?.filter(|row| row.at.0 == at && row.terms.contains(term));
            rows.extend(row);
            if rows.len() == wanted {
                break;
            }
        }
    } else {
        let index = snapshot.open_table(ROW_INDEX).map_err(fault)?;
        let from = (scope.as_str(), oldest.0, "");
        let entries = match below {
            Some(below) => index.range(from..(scope.as_str(), newest.0, below.as_str())),
            None => index.range(from..=(scope.as_str(), newest.0, LAST_ID)),
        };
        for entry in entries.map_err(fault)?.rev().take(wanted) {
            let (key, _) = entry.map_err(fault)?;
            let row = row(&table, &scope, key.value().2)?;
            rows.push(row.ok_or_else(|| damaged("a row of the history is missing"))?);
        }
    }
    Ok(Page::of(rows, query.limit))
}

/// Reads one row.
pub(crate) fn row(
    rows: &impl ReadableTable<(&'static str, &'static str), (u64, &'static [u8])>,
    scope: &str,
    id: &str,
) -> Result<Option<ArchivedRow>, Fault> {
    let Some(stored) = rows.get((scope, id)).map_err(fault)? else { return Ok(None) };
    let (at, value) = stored.value();
    let id = HistoryId::new(id).map_err(|error| damaged(&error.to_string()))?;
    ArchivedRow::from_value(id, Timestamp(at), Bytes::copy_from_slice(value)).map(Some)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::embedded::database::Handle;

    fn row_of(id: &str, at: u64, terms: &[&str]) -> ArchivedRow {
        ArchivedRow {
            id: HistoryId::new(id).unwrap(),
            at: Timestamp(at),
            body: Bytes::from_static(b"{}"),
            terms: terms.iter().map(|term| IndexTerm::new(term).unwrap()).collect(),
        }
    }

    struct Fixture {
        database: Arc<Database>,
        _folder: tempfile::TempDir,
    }

    impl Fixture {
        fn open() -> Self {
            let folder = tempfile::tempdir().unwrap();
            Self { database: Handle::open(folder.path()).unwrap().get().unwrap(), _folder: folder }
        }

        fn write(&self, write: impl FnOnce(&mut Tables<'_>) -> Result<(), redb::Error>) {
            let transaction = self.database.begin_write().unwrap();
            write(&mut Tables::open(&transaction).unwrap()).unwrap();
            transaction.commit().unwrap();
        }

        /// Writes a row as the previous version does, which knows no terms.
        fn write_as_before(&self, id: &str, at: u64) {
            self.write(|tables| {
                let before = tables.rows.insert(("user:a", id), (at, b"{}".as_slice()))?.map(|row| row.value().0);
                if let Some(before) = before {
                    tables.row_index.remove(("user:a", before, id))?;
                }
                tables.row_index.insert(("user:a", at, id), ())?;
                Ok(())
            });
        }

        fn rows(&self, term: Option<&str>) -> Vec<ArchivedRow> {
            let term = term.map(|term| IndexTerm::new(term).unwrap());
            let query = Query { term, ..Query::newest(9) };
            history(&self.database, &"user:a".parse().unwrap(), &query).unwrap().rows
        }

        fn entries(&self) -> usize {
            let table = self.database.begin_read().unwrap().open_table(ROW_TERMS).unwrap();
            table.iter().unwrap().count()
        }
    }

    #[test]
    fn rows_of_the_previous_version_are_read_and_get_terms_when_they_are_replaced() {
        let fixture = Fixture::open();
        fixture.write_as_before("a", 10);
        fixture.write_as_before("b", 20);
        assert_eq!(fixture.rows(None), [row_of("b", 20, &[]), row_of("a", 10, &[])]);
        fixture.write(|tables| tables.put_row("user:a", &row_of("a", 30, &["t"])));
        assert_eq!(fixture.rows(Some("t")), [row_of("a", 30, &["t"])]);
        fixture.write(|tables| tables.remove_row("user:a", "a"));
        assert_eq!((fixture.rows(None), fixture.entries()), (vec![row_of("b", 20, &[])], 0));
    }

    #[test]
    fn entries_that_the_previous_version_left_are_skipped_and_end_with_the_scope() {
        let fixture = Fixture::open();
        for scope in ["user:a", "user:ab"] {
            fixture.write(|tables| tables.put_row(scope, &row_of("a", 10, &["t", "u"])));
        }
        fixture.write_as_before("a", 20);
        assert_eq!(fixture.rows(Some("t")), []);
        // The row comes back at another instant, and at the same.
        for at in [30, 10] {
            fixture.write(|tables| tables.put_row("user:a", &row_of("a", at, &["t"])));
            assert_eq!(fixture.rows(Some("t")), [row_of("a", at, &["t"])]);
        }
        assert_eq!((fixture.rows(Some("u")), fixture.entries()), (vec![], 4));
        fixture
            .write(|tables| tables.remove_row("user:a", "a").and_then(|()| tables.remove_terms("user:a", 9).map(drop)));
        assert_eq!(fixture.entries(), 2, "those of the other scope");
    }
}
