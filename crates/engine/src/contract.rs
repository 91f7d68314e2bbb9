//! The contract of the store port: [`contract_suite`](crate::contract_suite) makes a test of each case, with a fixture
//! that connects nodes to one store.

mod beats;
mod boards;
mod history;
mod history_model;
mod history_terms;
mod limits;
mod node_reports;
mod retention;
mod schedule;
mod signals;
mod transfer;
mod unknown_kinds;

pub use beats::*;
pub use boards::*;
pub use history::*;
pub use history_model::*;
pub use history_terms::*;
pub use limits::*;
pub use node_reports::*;
pub use retention::*;
pub use schedule::*;
pub use signals::*;
pub use transfer::*;
pub use unknown_kinds::*;

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use timers::{
    CommandId, DeadlineMove, HistoryId, ItemKey, Position, RequiredRows, Revision, Scope, Tag, Timestamp, UserId,
};

use crate::store::{ArchivedRow, Commit, Committed, Connected, Expiry, Store};
use crate::update::{Update, UpdateItems};

/// How long the suite waits for an expected event.
const DEADLINE: Duration = Duration::from_secs(10);

/// Connects nodes to one store that is empty at first.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// Connects another node; `None` if the store takes one node only and has it.
    async fn connect(&self) -> Option<Connected<dyn Store>>;
}

/// Passes the given tokens and the names of all cases to another macro of this crate.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_cases {
    ($to:ident, $($given:tt)*) => {
        $crate::$to! {
            $($given)*;
            a_board_that_was_never_written_is_empty,
            a_load_returns_what_was_committed,
            a_touch_changes_nothing_but_when_a_scope_was_in_use,
            bytes_and_names_are_returned_unchanged,
            a_commit_on_another_position_changes_nothing,
            a_repeated_command_returns_the_revision_that_it_made,
            the_newest_command_ids_are_remembered,
            an_expired_board_leaves_no_trace,
            a_late_commit_is_refused_and_a_stale_one_too,
            concurrent_commits_are_ordered_and_none_is_lost,
            every_commit_of_a_watched_scope_is_signalled_in_order,
            a_scope_that_is_not_watched_is_not_signalled,
            the_history_is_paged_newest_first,
            a_history_row_is_replaced_and_moved,
            a_history_that_would_exceed_its_quota_is_refused_and_nothing_changes,
            a_history_takes_rows_up_to_its_quota_and_smaller_ones_beyond_it,
            rivals_do_not_exceed_the_quota_together,
            a_scope_ends_with_all_that_is_stored_of_it,
            an_extended_scope_does_not_end_and_other_scopes_are_not_limited,
            all_rows_of_one_instant_are_found,
            rows_are_found_by_each_of_their_terms,
            a_range_includes_both_of_its_ends,
            a_cursor_stays_valid_while_rows_are_written_and_deleted,
            a_replaced_row_leaves_no_trace_of_its_instant_and_terms,
            a_deleted_row_is_in_no_query,
            bad_terms_and_contradictions_are_refused_and_change_nothing,
            a_repeated_commit_does_not_duplicate_rows_and_a_refused_one_leaves_none,
            a_page_of_a_term_has_any_length,
            required_rows_are_of_the_state_of_their_board,
            random_writes_match_a_model,
            terms_count_towards_the_quota_and_deleted_rows_make_room,
            deadlines_are_found_moved_and_cleared,
            a_page_of_deadlines_tells_whether_there_are_more,
            positions_are_returned_in_the_order_requested,
            each_second_has_one_beat,
            another_node_leads_at_once_after_a_resignation,
            a_large_commit_is_accepted,
            a_commit_at_each_limit_is_accepted,
            a_commit_above_a_limit_is_refused_and_changes_nothing,
            a_scope_of_an_unknown_kind_is_kept,
            deadlines_of_unknown_kinds_are_not_returned_and_hide_no_others,
            a_scope_is_put_in_as_it_was_taken_out,
            a_restored_scope_goes_on,
            each_exported_scope_is_of_one_state_while_it_changes,
            a_restore_is_marked_until_it_ends_and_the_time_continues,
            each_node_has_one_report_until_it_is_removed_or_old,
        }
    };
}

/// Makes a test of each case; `$fixture` is evaluated in each.
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

/// Runs all cases one after the other, for servers that are expensive to start. `fixture` gets the name of each case, and
/// must return an empty store.
pub async fn in_turn<F: Fixture>(fixture: impl Fn(&str) -> F) {
    crate::contract_cases!(contract_in_turn, fixture);
}

fn scope(name: &str) -> Scope {
    Scope::user(&UserId::new(name).expect("a good name"))
}

fn key(name: &str) -> ItemKey {
    ItemKey::from_stored(&format!("stopwatch:{name}"))
}

fn row(id: &str, at: u64, body: &str) -> ArchivedRow {
    ArchivedRow {
        id: HistoryId::new(id).expect("a good id"),
        at: Timestamp(at),
        body: Bytes::copy_from_slice(body.as_bytes()),
        terms: Vec::new(),
    }
}

async fn node(fixture: &dyn Fixture) -> Connected<dyn Store> {
    fixture.connect().await.expect("the first node can always connect")
}

/// Makes a commit of a new command on the board as it is now.
async fn fresh(store: &dyn Store, scope: &Scope, id: u64) -> Commit {
    let loaded = store.load(scope, &RequiredRows::default()).await.expect("loads");
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
        items: UpdateItems::Unreadable,
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
        archive_removed: Vec::new(),
        deadline: DeadlineMove::Keep,
        expiry: Expiry::Keep,
        quota: None,
        update: update.encode(&[], &BTreeSet::new()),
    }
}

/// Commits; decides again as often as a second begins in between.
async fn must(store: &dyn Store, mut commit: Commit) -> Revision {
    loop {
        match store.commit(&commit).await.expect("commits") {
            Committed::Done(revision, _) => return revision,
            Committed::Stale(now) => commit.decided_at = now,
            other @ (Committed::Repeated(..)
            | Committed::Conflict(_)
            | Committed::Late(_)
            | Committed::HistoryFull(..)) => panic!("{other:?}"),
        }
    }
}
