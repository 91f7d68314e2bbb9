//! The end of scopes that are kept for a limited time, and the size of histories.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use engine::StoreClock;
use engine::store::{Commit, Expiry, HistorySize};
use redb::{ReadableDatabase, ReadableTable, Table, WriteTransaction};
use timers::{Scope, Timestamp};
use tokio::sync::{mpsc, oneshot};

use crate::embedded::database::Handle;
use crate::embedded::head::StoredHead;
use crate::embedded::tables::{END_INDEX, ENDS, HISTORY_SIZES, TOUCHES};
use crate::embedded::transaction::Tables;
use crate::embedded::writer::Job;

/// How often the store looks for scopes that have ended.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// Most history rows that are deleted in one transaction, during which commits wait.
const ROWS_AT_ONCE: usize = 1000;

/// The tables of sizes and ends.
pub(crate) struct Retention<'t> {
    sizes: Table<'t, &'static str, (u64, u64)>,
    ends: Table<'t, &'static str, u64>,
    touches: Table<'t, &'static str, u64>,
    end_index: Table<'t, (u64, &'static str), ()>,
}

impl<'t> Retention<'t> {
    pub(crate) fn open(transaction: &'t WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            sizes: transaction.open_table(HISTORY_SIZES)?,
            ends: transaction.open_table(ENDS)?,
            touches: transaction.open_table(TOUCHES)?,
            end_index: transaction.open_table(END_INDEX)?,
        })
    }

    pub(crate) fn set_size(&mut self, scope: &str, size: HistorySize) -> Result<(), redb::Error> {
        self.sizes.insert(scope, (size.rows, size.bytes))?;
        Ok(())
    }

    /// Moves the end of a scope.
    pub(crate) fn apply(&mut self, scope: &str, expiry: Expiry, now: Timestamp) -> Result<(), redb::Error> {
        if expiry == Expiry::Keep {
            return Ok(());
        }
        let before = self.end_of(scope)?;
        self.set_end(scope, before, expiry.moved(before, now))
    }

    /// Records when a scope was last in use.
    pub(crate) fn set_touch(&mut self, scope: &str, at: Timestamp) -> Result<(), redb::Error> {
        self.touches.insert(scope, at.0)?;
        Ok(())
    }

    /// Sets the end of a scope; `None` for no end.
    pub(crate) fn move_end(&mut self, scope: &str, at: Option<Timestamp>) -> Result<(), redb::Error> {
        let before = self.end_of(scope)?;
        self.set_end(scope, before, at)
    }

    fn end_of(&self, scope: &str) -> Result<Option<Timestamp>, redb::Error> {
        Ok(self.ends.get(scope)?.map(|at| Timestamp(at.value())))
    }

    fn set_end(&mut self, scope: &str, before: Option<Timestamp>, at: Option<Timestamp>) -> Result<(), redb::Error> {
        if let Some(before) = before {
            self.end_index.remove((before.0, scope))?;
        }
        match at {
            Some(at) => {
                self.ends.insert(scope, at.0)?;
                self.end_index.insert((at.0, scope), ())?;
            }
            None => drop(self.ends.remove(scope)?),
        }
        Ok(())
    }
}

impl Tables<'_> {
    /// Returns the size of a history before and after a commit.
    pub(crate) fn history_sizes(
        &mut self,
        scope: &str,
        commit: &Commit,
    ) -> Result<(HistorySize, HistorySize), redb::Error> {
        if !commit.has_rows() {
            return Ok((HistorySize::default(), HistorySize::default()));
        }
        let before = self.history_size(scope)?;
        let after = before
            .after(commit, |id| Ok::<_, redb::Error>(self.rows.get((scope, id))?.map(|row| row.value().1.len())))?;
        Ok((before, after))
    }

    /// Returns the size of a history. One that was written before sizes were stored is counted.
    pub(crate) fn history_size(&mut self, scope: &str) -> Result<HistorySize, redb::Error> {
        if let Some(size) = self.retention.sizes.get(scope)? {
            let (rows, bytes) = size.value();
            return Ok(HistorySize { rows, bytes });
        }
        let mut size = HistorySize::default();
        for row in self.rows.range((scope, "")..)? {
            let (key, row) = row?;
            let (owner, id) = key.value();
            if owner != scope {
                break;
            }
            size.put(id, row.value().1.len(), None);
        }
        self.retention.set_size(scope, size)?;
        Ok(size)
    }

    /// Postpones the end of scopes that have an earlier one.
    pub(crate) fn extend(&mut self, scopes: &[Scope], until: Timestamp) -> Result<(), redb::Error> {
        for scope in scopes {
            let scope = scope.to_string();
            let before = self.retention.end_of(&scope)?;
            if before.is_some_and(|before| before < until) {
                self.retention.set_end(&scope, before, Some(until))?;
            }
        }
        Ok(())
    }

    /// Deletes the scope that ended first, or [`ROWS_AT_ONCE`] rows of its history. Breaks if none has ended.
    pub(crate) fn expire(&mut self, now: Timestamp) -> Result<ControlFlow<()>, redb::Error> {
        let first = self.retention.end_index.first()?.map(|(key, _)| (key.value().0, key.value().1.to_owned()));
        let Some((at, scope)) = first.filter(|(at, _)| *at <= now.0) else { return Ok(ControlFlow::Break(())) };
        let scope = scope.as_str();
        if self.delete_rows(scope)? == ROWS_AT_ONCE || self.remove_terms(scope, ROWS_AT_ONCE)? == ROWS_AT_ONCE {
            return Ok(ControlFlow::Continue(()));
        }
        self.retention.set_end(scope, Some(Timestamp(at)), None)?;
        self.delete_board(scope)?;
        Ok(ControlFlow::Continue(()))
    }

    /// Deletes all of a scope but its history.
    pub(crate) fn delete_board(&mut self, scope: &str) -> Result<(), redb::Error> {
        let items = self.items.range((scope, "")..)?.map_while(|item| match item {
            Ok((key, _)) if key.value().0 == scope => Some(Ok(key.value().1.to_owned())),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        });
        for key in items.collect::<Result<Vec<String>, _>>()? {
            self.items.remove((scope, key.as_str()))?;
        }
        let head = self.heads.remove(scope)?.and_then(|bytes| StoredHead::decode(bytes.value()).ok());
        if let Some(deadline) = head.and_then(|head| head.deadline) {
            self.due.remove((deadline.0, scope))?;
        }
        self.retention.sizes.remove(scope)?;
        self.retention.touches.remove(scope)?;
        self.retention.move_end(scope, None)
    }

    /// Deletes rows of a scope, [`ROWS_AT_ONCE`] at most, and returns their number.
    pub(crate) fn delete_rows(&mut self, scope: &str) -> Result<usize, redb::Error> {
        let mut rows = Vec::new();
        for row in self.rows.range((scope, "")..)?.take(ROWS_AT_ONCE) {
            let (key, row) = row?;
            let ((owner, id), (_, value)) = (key.value(), row.value());
            if owner != scope {
                break;
            }
            rows.push((id.to_owned(), value.len()));
        }
        if rows.is_empty() {
            return Ok(0);
        }
        let mut size = self.history_size(scope)?;
        for (id, bytes) in &rows {
            self.remove_row(scope, id)?;
            size.remove(id, *bytes);
        }
        self.retention.set_size(scope, size)?;
        Ok(rows.len())
    }
}

/// Returns those of the scopes that end at all.
pub(crate) fn with_end(database: &redb::Database, scopes: Vec<Scope>) -> Result<Vec<Scope>, redb::Error> {
    let ends = database.begin_read()?.open_table(ENDS)?;
    let mut found = Vec::new();
    for scope in scopes {
        if ends.get(scope.to_string().as_str())?.is_some() {
            found.push(scope);
        }
    }
    Ok(found)
}

/// Has the writer delete what has ended, until the store is closed.
pub(crate) fn sweep(handle: &Handle, clock: &Arc<StoreClock>, jobs: &mpsc::WeakSender<Job>) {
    loop {
        thread::sleep(SWEEP_INTERVAL);
        let Some(jobs) = jobs.upgrade() else { return };
        // An error is not logged here: a store that cannot be read or written is reported by its requests.
        while has_ended(handle, clock.now()).unwrap_or(false) {
            let (reply, done) = oneshot::channel();
            let is_sent = jobs.blocking_send(Job::Expire(clock.now(), reply)).is_ok();
            if !is_sent || !matches!(done.blocking_recv(), Ok(Ok(ControlFlow::Continue(())))) {
                break;
            }
        }
    }
}

fn has_ended(handle: &Handle, now: Timestamp) -> Result<bool, redb::Error> {
    let Ok(database) = handle.get() else { return Ok(false) };
    let ends = database.begin_read()?.open_table(END_INDEX)?;
    Ok(ends.first()?.is_some_and(|(key, _)| key.value().0 <= now.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use timers::Millis;

    /// Writes a board, a deadline and rows without their sizes, as earlier versions did.
    fn write_old(handle: &Handle, scope: &str, rows: u64) {
        let database = handle.get().unwrap();
        let transaction = database.begin_write().unwrap();
        {
            let mut tables = Tables::open(&transaction).unwrap();
            let stored = StoredHead { deadline: Some(Timestamp(7)), ..StoredHead::default() };
            tables.heads.insert(scope, stored.encode().as_slice()).unwrap();
            tables.items.insert((scope, "stopwatch:a"), b"{}".as_slice()).unwrap();
            tables.due.insert((7, scope), ()).unwrap();
            for nth in 0..rows {
                let id = format!("row:{nth:04}");
                tables.rows.insert((scope, id.as_str()), (nth, b"{}".as_slice())).unwrap();
                tables.row_index.insert((scope, nth, id.as_str()), ()).unwrap();
                // A stale entry of the index of terms: the row does not have the term.
                tables.row_terms.insert((scope, "t", nth, id.as_str()), ()).unwrap();
            }
        }
        transaction.commit().unwrap();
    }

    fn within<T>(handle: &Handle, write: impl FnOnce(&mut Tables<'_>) -> Result<T, redb::Error>) -> T {
        let transaction = handle.get().unwrap().begin_write().unwrap();
        let written = write(&mut Tables::open(&transaction).unwrap()).unwrap();
        transaction.commit().unwrap();
        written
    }

    /// Counts what is stored of a scope, in all tables.
    fn count(handle: &Handle, scope: &str) -> usize {
        within(handle, |tables| {
            let rows = tables.rows.iter()?.filter(|row| row.as_ref().unwrap().0.value().0 == scope).count();
            let index = tables.row_index.iter()?.filter(|row| row.as_ref().unwrap().0.value().0 == scope).count();
            let terms = tables.row_terms.iter()?.filter(|entry| entry.as_ref().unwrap().0.value().0 == scope).count();
            let items = tables.items.iter()?.filter(|item| item.as_ref().unwrap().0.value().0 == scope).count();
            let due = tables.due.iter()?.filter(|due| due.as_ref().unwrap().0.value().1 == scope).count();
            let Retention { sizes, ends, end_index, touches } = &tables.retention;
            let ends_in_order = end_index.iter()?.filter(|end| end.as_ref().unwrap().0.value().1 == scope).count();
            let single = [
                tables.heads.get(scope)?.is_some(),
                sizes.get(scope)?.is_some(),
                ends.get(scope)?.is_some(),
                touches.get(scope)?.is_some(),
            ];
            let single = single.into_iter().filter(|is_there| *is_there).count();
            Ok(rows + index + terms + items + due + ends_in_order + single)
        })
    }

    #[test]
    fn a_scope_that_has_ended_is_deleted_in_parts_and_others_are_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let handle = Handle::open(folder.path()).unwrap();
        for scope in ["user:a", "user:ab", "user:b"] {
            write_old(&handle, scope, 2300);
        }
        for (scope, at) in [("user:a", 50), ("user:ab", 60)] {
            within(&handle, |tables| tables.retention.apply(scope, Expiry::After(Millis(at)), Timestamp(0)));
        }
        let before = count(&handle, "user:b");
        let expire = |now| within(&handle, |tables| tables.expire(Timestamp(now)));
        assert_eq!(expire(49), ControlFlow::Break(()));
        assert_eq!(expire(50), ControlFlow::Continue(()));
        let size = within(&handle, |tables| tables.history_size("user:a"));
        assert_eq!(size, HistorySize { rows: 1300, bytes: 1300 * 10 }, "what is left is counted");
        let parts = std::iter::from_fn(|| expire(50).is_continue().then_some(())).count();
        assert_eq!(parts, 4, "two of rows, the last of them with one of terms, and two of terms");
        assert_eq!(count(&handle, "user:a"), 0, "nothing is left");
        assert_eq!(count(&handle, "user:ab"), before + 2, "its end");
        assert_eq!(count(&handle, "user:b"), before);
    }

    #[test]
    fn a_history_of_an_earlier_version_is_counted_once() {
        let folder = tempfile::tempdir().unwrap();
        let handle = Handle::open(folder.path()).unwrap();
        write_old(&handle, "user:a", 5);
        write_old(&handle, "user:ab", 7);
        let size = |scope: &'static str| within(&handle, |tables| tables.history_size(scope));
        assert_eq!(size("user:a"), HistorySize { rows: 5, bytes: 5 * 10 });
        assert_eq!(size("user:a"), HistorySize { rows: 5, bytes: 5 * 10 });
        assert_eq!(size("user:c"), HistorySize::default());
    }
}
