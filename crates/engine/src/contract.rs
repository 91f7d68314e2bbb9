//! What every adapter of the store port must do: [`contract_suite`](crate::contract_suite) makes tests of it,
//! with a fixture that connects nodes to one and the same store.

mod beats;
mod boards;
mod history;
mod schedule;
mod signals;

pub use beats::*;
pub use boards::*;
pub use history::*;
pub use schedule::*;
pub use signals::*;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use timers::{CommandId, DeadlineMove, HistoryId, ItemKey, Position, Revision, Scope, Tag, Timestamp, UserId};

use crate::store::{ArchivedRow, Commit, Committed, Connected, Store};
use crate::update::Update;

/// How long the suite waits for what must come.
const DEADLINE: Duration = Duration::from_secs(10);

/// Connects nodes to one store that began empty.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// Connects another node; `None` if the store has one node only and it is connected already.
    async fn connect(&self) -> Option<Connected<dyn Store>>;
}

/// Hands the names of all cases, behind what is given, to another macro of this crate.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_cases {
    ($to:ident, $($given:tt)*) => {
        $crate::$to! {
            $($given)*;
            a_board_that_was_never_written_is_empty,
            what_is_committed_is_loaded,
            bytes_and_names_come_back_as_they_were,
            a_commit_on_another_position_changes_nothing,
            a_repeated_command_is_told_what_it_made,
            the_newest_commands_are_remembered,
            what_fades_is_in_nobodys_way,
            a_late_commit_is_refused_and_a_stale_one_too,
            rivals_are_put_in_order_and_none_is_lost,
            watchers_hear_every_commit_in_order,
            nobody_hears_of_what_they_do_not_watch,
            the_history_is_paged_newest_first,
            a_history_row_is_replaced_and_moved,
            rows_of_one_instant_are_all_found,
            deadlines_are_found_moved_and_cleared,
            more_than_was_asked_for_is_told,
            positions_are_told_in_the_order_asked,
            a_second_is_beaten_once,
            a_resignation_lets_another_lead,
            the_largest_change_goes_through,
        }
    };
}

/// Makes a test of each case; `$fixture` is evaluated for each.
#[macro_export]
macro_rules! contract_suite {
    ($fixture:expr) => {
        $crate::contract_cases!(contract_tests, $fixture);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! contract_tests {
    ($fixture:expr; $($case:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let fixture = $fixture;
                $crate::contract::$case(&fixture).await;
            }
        )+
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! contract_in_turn {
    ($fixture:expr; $($case:ident),+ $(,)?) => {
        $(
            $crate::contract::$case(&$fixture(stringify!($case))).await;
        )+
    };
}

/// Runs all cases one after the other, for servers that are dear to start; `fixture` is given the name of
/// each case, to begin with an empty store.
pub async fn in_turn<F: Fixture>(fixture: impl Fn(&str) -> F) {
    crate::contract_cases!(contract_in_turn, fixture);
}

fn scope(name: &str) -> Scope {
    Scope::User(UserId::new(name).expect("a good name"))
}

fn key(name: &str) -> ItemKey {
    ItemKey::from_stored(&format!("stopwatch:{name}"))
}

fn row(id: &str, at: u64, body: &str) -> ArchivedRow {
    ArchivedRow {
        id: HistoryId::new(id).expect("a good id"),
        at: Timestamp(at),
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

async fn node(fixture: &dyn Fixture) -> Connected<dyn Store> {
    fixture.connect().await.expect("the first node is always let in")
}

/// A commit on a board as it was loaded just now, of a command that nobody has sent before.
async fn fresh(store: &dyn Store, scope: &Scope, id: u64) -> Commit {
    let loaded = store.load(scope, &[]).await.expect("loads");
    next_commit(scope, loaded.position, loaded.now, id)
}

fn next_commit(scope: &Scope, on: Position, now: Timestamp, id: u64) -> Commit {
    let tag = Tag(id << 8 | 1);
    let position = Position { revision: on.revision.next(), tag };
    let update = Update {
        scope: scope.clone(),
        prev: on.tag,
        position,
        at: now,
        items: None,
        event: None,
        by: None,
        decided_at: None,
        trace: None,
    };
    Commit {
        scope: scope.clone(),
        expected: on.tag,
        id: CommandId(id),
        decided_at: now,
        at: now,
        tag,
        put: Vec::new(),
        removed: Vec::new(),
        archive: Vec::new(),
        deadline: DeadlineMove::Keep,
        fades: false,
        update: update.encode(&[]),
    }
}

/// Commits, deciding again as often as a second begins in between.
async fn must(store: &dyn Store, mut commit: Commit) -> Revision {
    loop {
        match store.commit(&commit).await.expect("commits") {
            Committed::Done(revision, _) => return revision,
            Committed::Stale(now) => commit.decided_at = now,
            other @ (Committed::Repeated(..) | Committed::Conflict(_) | Committed::Late(_)) => panic!("{other:?}"),
        }
    }
}
