//! Sending a decided change to the store as a commit.

use bytes::Bytes;
use timers::{Change, CommandId, ItemKey, Scope, Timestamp};
use tokio::time::sleep;

use crate::engine::Engine;
use crate::execute::STORE_PAUSE;
use crate::execute::command_budget::CommandBudget;
use crate::outcome::ExecuteError;
use crate::store::{ArchivedRow, Commit, Committed, Expiry, Fault, FaultKind};
use crate::update::Update;

/// The store's answer to a commit.
pub(super) struct Submitted {
    pub(super) committed: Committed,
    /// The commit was sent more than once, and the store may have seen it before.
    pub(super) is_resent: bool,
}

impl Engine {
    /// Sends a commit until the store answers. The same commit is sent each time: its id makes that safe.
    pub(super) async fn submit(&self, commit: &Commit, budget: &mut CommandBudget) -> Result<Submitted, ExecuteError> {
        let mut is_resent = false;
        loop {
            match self.store.commit(commit).await {
                Ok(committed) => {
                    self.clock.refine(committed.now());
                    return Ok(Submitted { committed, is_resent });
                }
                Err(fault) if !fault.allows_retry() => {
                    self.hub.report_if_damaged(&commit.scope, &fault);
                    return Err(self.submit_error(&commit.scope, is_resent, fault));
                }
                Err(fault) => {
                    is_resent |= fault.kind() == FaultKind::Unknown;
                    if self.stops_retrying(budget) {
                        return Err(self.submit_error(&commit.scope, is_resent, fault));
                    }
                    self.note_retry(budget, fault);
                }
            }
            sleep(STORE_PAUSE).await;
        }
    }

    /// Returns the error of a commit that is not sent again. If the store may have seen it, the outcome is unknown.
    fn submit_error(&self, scope: &Scope, is_resent: bool, fault: Fault) -> ExecuteError {
        if !is_resent {
            return ExecuteError::Unavailable(fault);
        }
        self.stats.unknown_outcomes.add_one();
        self.hub.invalidate(scope);
        ExecuteError::OutcomeUnknown
    }
}

/// Makes the commit of a change, without a limit to what is kept.
pub(super) fn commit_of(update: &Update, change: &Change, id: CommandId, decided_at: Timestamp) -> Commit {
    let put: Vec<(ItemKey, Bytes)> = change.put.iter().map(|(key, item)| (key.clone(), item.encode().into())).collect();
    let archive = change.archive.iter().map(|row| ArchivedRow {
        id: row.id.clone(),
        at: row.at,
        body: Bytes::copy_from_slice(row.body.as_str().as_bytes()),
        terms: row.terms.clone(),
    });
    Commit {
        scope: update.scope.clone(),
        expected: update.prev,
        id,
        decided_at,
        at: change.at,
        tag: update.position.tag,
        update: update.encode(&put, &change.removed),
        put,
        removed: change.removed.iter().cloned().collect(),
        archive: archive.collect(),
        archive_removed: change.archive_removed.iter().cloned().collect(),
        deadline: change.deadline,
        expiry: Expiry::Keep,
        quota: None,
    }
}

#[cfg(test)]
mod tests {
    use timers::{Board, DeadlineMove, HistoryId, IndexTerm, RawJson, Row, Tag, UserId};

    use super::*;

    #[test]
    fn a_commit_has_the_rows_of_its_change_with_their_terms_and_the_deleted_ones() {
        let [kept, gone] = ["entry:1", "entry:2"].map(|id| HistoryId::new(id).unwrap());
        let terms = vec![IndexTerm::new("session:1").unwrap(), IndexTerm::new("user:7").unwrap()];
        let (at, body) = (Timestamp(7), RawJson::new("{}").unwrap());
        let (put, removed) = Default::default();
        let change = Change {
            at,
            put,
            removed,
            archive: vec![Row { id: kept.clone(), at, body, terms: terms.clone() }],
            archive_removed: [gone.clone()].into(),
            deadline: DeadlineMove::Keep,
        };
        let board = Board::empty(Scope::user(&UserId::new("ann").unwrap()));
        let commit = commit_of(&Update::of(&board, &change, Tag(1), at), &change, CommandId(1), at);
        assert_eq!(commit.archive, [ArchivedRow { id: kept, at, body: Bytes::from_static(b"{}"), terms }]);
        assert_eq!(commit.archive_removed, [gone]);
    }
}
