//! A board without its items, and the decision whether a commit is accepted. The Redis script does the same in Lua; the
//! contract suite tests both.

use std::collections::VecDeque;

use timers::{CommandId, Millis, Position, Revision, Timestamp};

use crate::store::{COMMIT_AGE_MAX, Commit, Committed, HistorySize};

/// The number of command ids that a board remembers: far more than one person's retries within [`RECENT_ID_AGE_MAX`],
/// and 1.4 KB.
pub const RECENT_IDS_MAX: usize = 64;

/// How long a board remembers a command id. A later retry counts as a new command.
pub const RECENT_ID_AGE_MAX: Millis = Millis(5 * 60 * 1000);

const _: () = assert!(COMMIT_AGE_MAX.0 * 10 < RECENT_ID_AGE_MAX.0, "a late commit must not outlive its id");

/// A command id that a board remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecentId {
    /// The command's id.
    pub id: CommandId,
    /// The revision that the command made.
    pub revision: Revision,
    /// The time of the decision.
    pub at: Timestamp,
}

/// A board without its items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The board's position.
    pub position: Position,
    /// The time of the last change.
    pub at: Timestamp,
    /// The command ids that the board remembers, oldest first.
    pub recent: VecDeque<RecentId>,
}

impl Head {
    /// Applies a commit to the head, or tells why not. `history` is the size of the scope's history before and after
    /// the commit, and `now` the store's time.
    ///
    /// The ages of ids are counted from decision to decision, since `now` may be wrong after a step of the store's clock, until
    /// the next beat.
    pub fn take(&mut self, commit: &Commit, history: (HistorySize, HistorySize), now: Timestamp) -> Committed {
        let remembered = self.recent.iter().find(|recent| recent.id == commit.id);
        if let Some(recent) = remembered.filter(|recent| commit.decided_at.since(recent.at) < RECENT_ID_AGE_MAX) {
            return Committed::Repeated(recent.revision, now);
        }
        if self.position.tag != commit.expected {
            return Committed::Conflict(now);
        }
        if now.since(commit.decided_at) > COMMIT_AGE_MAX {
            return Committed::Late(now);
        }
        if now.beat() > commit.decided_at.beat() {
            return Committed::Stale(now);
        }
        if let Some(bound) = commit.quota.and_then(|quota| quota.exceeded(history.0, history.1)) {
            return Committed::HistoryFull(bound, now);
        }
        let revision = self.position.revision.next();
        self.position = Position { revision, tag: commit.tag };
        self.at = commit.at;
        self.recent.retain(|recent| recent.id != commit.id);
        if self.recent.len() >= RECENT_IDS_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(RecentId { id: commit.id, revision, at: commit.decided_at });
        Committed::Done(revision, now)
    }
}
