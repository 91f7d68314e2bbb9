//! Whole scopes of the memory store. An export is of one state of all scopes.

use std::collections::VecDeque;

use async_trait::async_trait;
use timers::Scope;

use super::{Content, MemoryNode, StoredBoard};
use crate::store::{
    ArchivedRow, EXPORT_ROWS_MAX, Export, ExportPart, Fault, HistorySize, RestoreStep, StoredScope, Transfer,
};
use crate::store_clock::StoreTime;

struct MemoryExport {
    scopes: u64,
    parts: VecDeque<ExportPart>,
}

#[async_trait]
impl Export for MemoryExport {
    fn scopes(&self) -> u64 {
        self.scopes
    }

    async fn next(&mut self) -> Result<Option<ExportPart>, Fault> {
        Ok(self.parts.pop_front())
    }
}

#[async_trait]
impl Transfer for MemoryNode {
    async fn export(&self) -> Result<Box<dyn Export>, Fault> {
        let content = self.shared.content();
        let mut parts = VecDeque::new();
        for (scope, board) in &content.boards {
            parts.push_back(ExportPart::Scope(content.stored_scope(scope, board)));
            let rows: Vec<ArchivedRow> = board.history.values().cloned().collect();
            parts.extend(rows.chunks(EXPORT_ROWS_MAX).map(|rows| ExportPart::Rows(rows.to_vec())));
        }
        Ok(Box::new(MemoryExport { scopes: content.boards.len() as u64, parts }))
    }

    async fn restore(&self, steps: Vec<RestoreStep>) -> Result<(), Fault> {
        let (mut core, now) = self.shared.lock_now();
        steps.into_iter().for_each(|step| core.content.carry_out(step));
        core.content.expire(now);
        Ok(())
    }

    async fn continue_time(&self, time: StoreTime, empty: bool) -> Result<(), Fault> {
        let own = (self.shared.clock)();
        let mut core = self.shared.core.lock();
        let kept = if empty { time.absorbed } else { time.absorbed.max(core.time.absorbed) };
        let absorbed = kept.max(time.now.since(own));
        core.time = StoreTime { now: own + absorbed, absorbed };
        Ok(())
    }

    async fn unfinished_restore(&self) -> Result<Option<u64>, Fault> {
        Ok(self.shared.lock().content.unfinished_restore)
    }

    async fn set_unfinished_restore(&self, backup: Option<u64>) -> Result<(), Fault> {
        self.shared.lock().content.unfinished_restore = backup;
        Ok(())
    }
}

impl Content {
    fn stored_scope(&self, scope: &Scope, board: &StoredBoard) -> StoredScope {
        StoredScope {
            scope: scope.clone(),
            position: board.head.position,
            at: board.head.at,
            items: board.items.clone().into_iter().collect(),
            recent: board.head.recent.iter().copied().collect(),
            deadline: self.due.get(scope).copied(),
            ends_at: board.ends_at,
            touched_at: board.touched_at,
        }
    }

    fn carry_out(&mut self, step: RestoreStep) {
        match step {
            RestoreStep::Clear(scope) => {
                self.end_at(&scope, None);
                self.boards.remove(&scope);
                self.due.remove(&scope);
            }
            RestoreStep::Rows(scope, rows) => {
                let board = self.boards.entry(scope).or_default();
                board.history.extend(rows.into_iter().map(|row| (row.id.clone(), row)));
            }
            RestoreStep::Finish(stored, size) => self.finish(stored, size),
        }
    }

    fn finish(&mut self, stored: StoredScope, size: HistorySize) {
        let board = self.boards.entry(stored.scope.clone()).or_default();
        board.history_size = size;
        board.head.position = stored.position;
        board.head.at = stored.at;
        board.head.recent = stored.recent.into();
        board.items = stored.items.into_iter().collect();
        board.touched_at = stored.touched_at;
        if let Some(at) = stored.deadline {
            self.due.insert(stored.scope.clone(), at);
        }
        self.end_at(&stored.scope, stored.ends_at);
    }
}
