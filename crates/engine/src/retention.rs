//! How much of a scope is kept, and for how long: the quota of histories, and the timers of anonymous persons.
//!
//! A guest has no way to return, so its timers are of use only while it is connected. The store deletes them some time
//! after the last commit, and the nodes that have connected guests extend that time.

use std::sync::Arc;
use std::time::Duration;

use timers::{Board, Change, Millis, Position, Scope, ScopeKind};
use tokio::time::sleep;

use crate::engine::Engine;
use crate::hub::{JoinError, Subscription};
use crate::store::{Expiry, Fault, HistoryQuota, RECENT_ID_AGE_MAX};

/// In one lifetime, connected guests are extended this many times. All but one may fail.
const EXTENSIONS: u64 = 8;

/// Guests that are extended in one request to the store.
const GUESTS_AT_ONCE: usize = 1000;

/// Longest pause before an extension that failed is repeated.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

/// What a node keeps of scopes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// The bounds of each scope's history, unless its kind has others.
    pub quota: HistoryQuota,
    /// The bounds of kinds of scopes that have their own, each at most once.
    pub quotas_by_kind: Vec<(ScopeKind, HistoryQuota)>,
    /// How long a guest's timers and history are kept after the guest's last connection.
    pub guest_lifetime: Millis,
}

impl Default for Retention {
    /// A day for guests: whoever returns to an open page the next morning finds the timers.
    fn default() -> Self {
        Self { quota: HistoryQuota::DEFAULT, quotas_by_kind: Vec::new(), guest_lifetime: Millis::from_hours(24) }
    }
}

impl Retention {
    /// Returns the quota of a commit. What falls due by itself is never refused: its size is bounded by the board.
    pub(crate) fn quota(&self, scope: &Scope, is_settling: bool) -> Option<HistoryQuota> {
        let of_kind = self.quotas_by_kind.iter().find(|(kind, _)| kind == scope.kind());
        (!is_settling).then_some(of_kind.map_or(self.quota, |(_, quota)| *quota))
    }

    /// Returns how a commit moves the end of its scope.
    pub(crate) fn expiry(&self, board: &Board, change: &Change, is_settling: bool) -> Expiry {
        if board.expires_after(change) {
            // The command ids are of no use any longer.
            return Expiry::After(RECENT_ID_AGE_MAX);
        }
        if !board.scope.is_guest() {
            return Expiry::Keep;
        }
        match (is_settling, board.position) {
            // A deadline of a guest that has expired: the commit removes the deadline and leaves nothing.
            (true, Position::NONE) => Expiry::After(RECENT_ID_AGE_MAX),
            (true, _) => Expiry::Within(self.extended()),
            (false, _) => Expiry::After(self.extended()),
        }
    }

    /// Returns the time after which a connected guest is extended again.
    fn interval(&self) -> Millis {
        Millis((self.guest_lifetime.0 / EXTENSIONS).max(1))
    }

    /// Returns the life that a commit or an extension gives: long enough that the whole lifetime is left whenever the
    /// guest disconnects.
    fn extended(&self) -> Millis {
        self.guest_lifetime + self.interval()
    }
}

impl Engine {
    /// Joins a scope as a listener; see [`Hub::join`](crate::Hub::join). A guest that returns finds everything that is
    /// there now for as long as it is connected.
    ///
    /// # Errors
    /// [`JoinError`]; nothing is left behind.
    pub async fn join(&self, scope: &Scope) -> Result<Subscription, JoinError> {
        if scope.is_guest() {
            self.store.extend(std::slice::from_ref(scope), self.retention.extended()).await?;
        }
        self.hub.join(scope).await
    }

    async fn extend_guests(&self) -> Result<(), Fault> {
        for guests in self.hub.guests().chunks(GUESTS_AT_ONCE) {
            self.store.extend(guests, self.retention.extended()).await?;
        }
        Ok(())
    }
}

/// Keeps the timers of connected guests until cancelled.
pub(crate) async fn run(engine: Arc<Engine>) {
    let interval = Duration::from_millis(engine.retention.interval().0);
    loop {
        sleep(interval).await;
        while let Err(error) = engine.extend_guests().await {
            tracing::debug!(%error, "the timers of guests cannot be extended yet");
            sleep(interval.min(RETRY_PAUSE)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use timers::{DeadlineMove, RoomId, Tag, Timestamp, UserId};

    use super::*;

    fn check(scope: Scope, position: Position, is_settling: bool, expected: Expiry) {
        let board = Board { position, ..Board::empty(scope) };
        let (put, removed) = Default::default();
        let change = Change {
            at: Timestamp(0),
            put,
            removed,
            archive: Vec::new(),
            archive_removed: Default::default(),
            deadline: DeadlineMove::Clear,
        };
        let retention = Retention { guest_lifetime: Millis(8000), ..Retention::default() };
        assert_eq!(retention.expiry(&board, &change, is_settling), expected, "{}", board.scope);
    }

    #[test]
    fn a_kind_of_scope_can_have_a_quota_of_its_own() {
        let large = HistoryQuota { rows: 1_000_000, bytes: 1 << 30 };
        let retention = Retention { quotas_by_kind: vec![(ScopeKind::Organization, large)], ..Retention::default() };
        let [user, org]: [Scope; 2] = ["user:1", "org:1"].map(|scope| scope.parse().unwrap());
        assert_eq!(retention.quota(&user, false), Some(HistoryQuota::DEFAULT));
        assert_eq!((retention.quota(&org, false), retention.quota(&org, true)), (Some(large), None));
    }

    #[test]
    fn only_guests_and_scopes_that_never_return_expire() {
        let written = Position { revision: timers::Revision(1), tag: Tag(1) };
        let (guest, user) = (Scope::user(&UserId::guest(1)), Scope::user(&UserId::new("guest_ann").unwrap()));
        for is_settling in [false, true] {
            check(user.clone(), written, is_settling, Expiry::Keep);
            let room = Scope::room(&RoomId::new("r").unwrap());
            check(room, written, is_settling, Expiry::After(RECENT_ID_AGE_MAX));
        }
        check(guest.clone(), written, false, Expiry::After(Millis(9000)));
        check(guest.clone(), Position::NONE, false, Expiry::After(Millis(9000)));
        check(guest.clone(), written, true, Expiry::Within(Millis(9000)));
        check(guest, Position::NONE, true, Expiry::After(RECENT_ID_AGE_MAX));
    }
}
