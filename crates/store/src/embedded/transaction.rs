//! The writes of one transaction to the tables.

use engine::StoreClock;
use engine::store::{Commit, Committed, Due, Fault};
use redb::{ReadableTable, Table, WriteTransaction};
use timers::{DeadlineMove, Timestamp};

use crate::embedded::expiry::Retention;
use crate::embedded::head::StoredHead;
use crate::embedded::tables::{DUE, HEADS, ITEMS, ROW_INDEX, ROW_TERMS, ROWS};

/// The tables, open in a transaction.
pub(crate) struct Tables<'t> {
    pub(crate) heads: Table<'t, &'static str, &'static [u8]>,
    pub(crate) items: Table<'t, (&'static str, &'static str), &'static [u8]>,
    pub(crate) rows: Table<'t, (&'static str, &'static str), (u64, &'static [u8])>,
    pub(crate) row_index: Table<'t, (&'static str, u64, &'static str), ()>,
    pub(crate) row_terms: Table<'t, (&'static str, &'static str, u64, &'static str), ()>,
    pub(crate) due: Table<'t, (u64, &'static str), ()>,
    pub(crate) retention: Retention<'t>,
}

impl<'t> Tables<'t> {
    pub(crate) fn open(transaction: &'t WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            heads: transaction.open_table(HEADS)?,
            items: transaction.open_table(ITEMS)?,
            rows: transaction.open_table(ROWS)?,
            row_index: transaction.open_table(ROW_INDEX)?,
            row_terms: transaction.open_table(ROW_TERMS)?,
            due: transaction.open_table(DUE)?,
            retention: Retention::open(transaction)?,
        })
    }

    pub(crate) fn postpone(&mut self, due: &Due, to: Timestamp) -> Result<(), redb::Error> {
        let scope = due.scope.to_string();
        if self.due.remove((due.at.0, scope.as_str()))?.is_none() {
            return Ok(());
        }
        self.due.insert((to.0, scope.as_str()), ())?;
        let head = self.heads.get(scope.as_str())?.and_then(|bytes| StoredHead::decode(bytes.value()).ok());
        if let Some(mut stored) = head {
            stored.deadline = Some(to);
            self.heads.insert(scope.as_str(), stored.encode().as_slice())?;
        }
        Ok(())
    }

    /// Writes a commit. A damaged board refuses it, and does not affect the other commits of the group.
    pub(crate) fn write(
        &mut self,
        commit: &Commit,
        clock: &StoreClock,
    ) -> Result<Result<Committed, Fault>, redb::Error> {
        let scope = commit.scope.to_string();
        let head = self.heads.get(scope.as_str())?.map(|bytes| StoredHead::decode(bytes.value())).transpose();
        let mut stored = match head {
            Ok(head) => head.unwrap_or_default(),
            Err(damaged) => return Ok(Err(damaged)),
        };
        let (sizes, now) = (self.history_sizes(&scope, commit)?, clock.now());
        let committed = stored.head.take(commit, sizes, now);
        if !matches!(committed, Committed::Done(..)) {
            return Ok(Ok(committed));
        }
        for key in &commit.removed {
            self.items.remove((scope.as_str(), key.as_str()))?;
        }
        for (key, bytes) in &commit.put {
            self.items.insert((scope.as_str(), key.as_str()), bytes.as_ref())?;
        }
        for id in &commit.archive_removed {
            self.remove_row(&scope, id.as_str())?;
        }
        for row in &commit.archive {
            self.put_row(&scope, row)?;
        }
        if commit.has_rows() {
            self.retention.set_size(&scope, sizes.1)?;
        }
        let deadline = match commit.deadline {
            DeadlineMove::Keep => stored.deadline,
            DeadlineMove::Clear => None,
            DeadlineMove::Set(at) => Some(at),
        };
        if deadline != stored.deadline {
            if let Some(at) = stored.deadline {
                self.due.remove((at.0, scope.as_str()))?;
            }
            if let Some(at) = deadline {
                self.due.insert((at.0, scope.as_str()), ())?;
            }
            stored.deadline = deadline;
        }
        self.heads.insert(scope.as_str(), stored.encode().as_slice())?;
        self.retention.apply(&scope, commit.expiry, now)?;
        Ok(Ok(committed))
    }
}
