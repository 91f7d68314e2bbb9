//! Whole scopes of the file: what a restore writes, and the access to them.

use std::time::Duration;

use async_trait::async_trait;
use engine::StoreTime;
use engine::store::{ArchivedRow, Export, Fault, RestoreStep, StoredScope, Transfer};
use redb::{ReadableDatabase, ReadableTable};
use timers::{Position, Scope};

use crate::embedded::export::EmbeddedExport;
use crate::embedded::head::StoredHead;
use crate::embedded::read::fault;
use crate::embedded::store::EmbeddedStore;
use crate::embedded::tables::{CLOCK, UNFINISHED_RESTORE};
use crate::embedded::transaction::Tables;
use crate::embedded::writer::Job;

#[async_trait]
impl Transfer for EmbeddedStore {
    async fn export(&self) -> Result<Box<dyn Export>, Fault> {
        let touches = self.touches();
        let export = self.read(move |database| EmbeddedExport::open(database, touches)).await?;
        Ok(Box::new(export))
    }

    async fn restore(&self, steps: Vec<RestoreStep>) -> Result<(), Fault> {
        self.write(|reply| Job::Restore(steps, reply)).await
    }

    async fn continue_time(&self, time: StoreTime, empty: bool) -> Result<(), Fault> {
        let absorbed = if empty { time.absorbed } else { time.absorbed.max(self.clock().read().absorbed) };
        self.clock().resume(StoreTime { absorbed, ..time }, Duration::ZERO);
        // Recorded, so that it continues after a crash.
        let marker = self.unfinished_restore().await?;
        self.write(|reply| Job::MarkRestore(marker, reply)).await
    }

    async fn unfinished_restore(&self) -> Result<Option<u64>, Fault> {
        self.read(|database| {
            let table = database.begin_read().map_err(fault)?.open_table(CLOCK).map_err(fault)?;
            Ok(table.get(UNFINISHED_RESTORE).map_err(fault)?.map(|backup| backup.value()))
        })
        .await
    }

    async fn set_unfinished_restore(&self, backup: Option<u64>) -> Result<(), Fault> {
        self.write(|reply| Job::MarkRestore(backup, reply)).await
    }
}

impl Tables<'_> {
    /// Carries out one step of a restore.
    pub(crate) fn restore(&mut self, step: &RestoreStep) -> Result<(), redb::Error> {
        match step {
            RestoreStep::Clear(scope) => self.clear(scope),
            RestoreStep::Rows(scope, rows) => self.restore_rows(&scope.to_string(), rows),
            // The size is counted while rows are written.
            RestoreStep::Finish(stored, _) => self.finish_scope(stored),
        }
    }

    fn clear(&mut self, scope: &Scope) -> Result<(), redb::Error> {
        let scope = scope.to_string();
        while self.delete_rows(&scope)? > 0 {}
        self.remove_terms(&scope, usize::MAX)?;
        self.delete_board(&scope)
    }

    fn restore_rows(&mut self, scope: &str, rows: &[ArchivedRow]) -> Result<(), redb::Error> {
        let mut size = self.history_size(scope)?;
        for row in rows {
            let replaced = self.rows.get((scope, row.id.as_str()))?.map(|row| row.value().1.len());
            size.put(row.id.as_str(), row.value_len(), replaced);
            self.put_row(scope, row)?;
        }
        self.retention.set_size(scope, size)
    }

    fn finish_scope(&mut self, stored: &StoredScope) -> Result<(), redb::Error> {
        let scope = stored.scope.to_string();
        let scope = scope.as_str();
        for (key, bytes) in &stored.items {
            self.items.insert((scope, key.as_str()), bytes.as_ref())?;
        }
        if stored.position != Position::NONE {
            let head = engine::store::Head {
                position: stored.position,
                at: stored.at,
                recent: stored.recent.iter().copied().collect(),
            };
            let head = StoredHead { head, deadline: stored.deadline };
            self.heads.insert(scope, head.encode().as_slice())?;
        }
        if let Some(at) = stored.deadline {
            self.due.insert((at.0, scope), ())?;
        }
        if let Some(at) = stored.touched_at {
            self.retention.set_touch(scope, at)?;
        }
        self.retention.move_end(scope, stored.ends_at)
    }
}
