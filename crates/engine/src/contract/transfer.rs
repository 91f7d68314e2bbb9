//! Taking whole scopes out of the store and putting them in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use timers::{CommandId, DeadlineMove, HistoryBound, Millis, RequiredRows, Scope, Timestamp};

use super::history_terms::{of_term, terms};
use super::retention::full;
use super::{Fixture, fresh, key, must, node, row, scope};
use crate::store::{
    ArchivedRow, Commit, Committed, Due, Expiry, Export, ExportPart, HistoryQuota, HistorySize, Query, RestoreStep,
    Store, StoredScope, Transfer,
};
use crate::store_clock::StoreTime;

/// Longer than any test.
const LONG: Millis = Millis(3_600_000);

/// As long, but for what a busy machine loses between two readings of a clock.
const NEARLY: Millis = Millis(3_540_000);

/// More rows than one part of an export has.
const MANY: usize = 2500;

/// A scope with its rows, in the order of their instants and ids.
type Whole = (StoredScope, Vec<ArchivedRow>);

fn transfer(store: &dyn Store) -> &dyn Transfer {
    store.transfer().expect("an adapter can transfer scopes")
}

async fn parts(export: &mut dyn Export) -> Vec<ExportPart> {
    let mut parts = Vec::new();
    while let Some(part) = export.next().await.expect("reads") {
        parts.push(part);
    }
    parts
}

/// Exports everything, in the order of the scopes.
async fn exported(store: &dyn Store) -> Vec<Whole> {
    let mut export = transfer(store).export().await.expect("begins");
    let mut all: Vec<Whole> = Vec::new();
    for part in parts(&mut *export).await {
        match part {
            ExportPart::Scope(stored) => all.push((stored, Vec::new())),
            ExportPart::Rows(rows) => all.last_mut().expect("a scope comes first").1.extend(rows),
            ExportPart::Damaged(name, fault) => panic!("{name}: {fault}"),
        }
    }
    all.sort_by(|a, b| a.0.scope.cmp(&b.0.scope));
    for (_, rows) in &mut all {
        rows.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    }
    all
}

async fn clear(store: &dyn Store, all: &[Whole]) {
    let steps = all.iter().map(|(stored, _)| RestoreStep::Clear(stored.scope.clone()));
    transfer(store).restore(steps.collect()).await.expect("clears");
}

async fn put_in(store: &dyn Store, all: &[Whole]) {
    for (stored, rows) in all {
        let mut steps = vec![RestoreStep::Clear(stored.scope.clone())];
        steps.extend(rows.chunks(700).map(|rows| RestoreStep::Rows(stored.scope.clone(), rows.to_vec())));
        let mut size = HistorySize::default();
        rows.iter().for_each(|row| size.put(row.id.as_str(), row.value_len(), None));
        steps.push(RestoreStep::Finish(stored.clone(), size));
        transfer(store).restore(steps).await.expect("restores");
    }
}

/// The instants of a store without deletions on time are exact to a few milliseconds.
fn rounded(all: &[Whole]) -> Vec<Whole> {
    let mut all = all.to_vec();
    for (stored, _) in &mut all {
        stored.ends_at = stored.ends_at.map(|at| Timestamp(at.0 / 60_000));
        stored.recent.iter_mut().for_each(|recent| recent.at = Timestamp(recent.at.0 / 60_000));
    }
    all
}

async fn write_scopes(store: &dyn Store) {
    let [ann, ben, eve] = ["ann", "ben", "eve"].map(scope);
    for id in 1..=3 {
        let mut commit = fresh(store, &ann, id).await;
        commit.put = vec![(key(&id.to_string()), Bytes::from_static(b"{\"v\": 1 , \"later\":{}}"))];
        commit.archive = (0..MANY).map(|nth| row(&format!("row:{id}:{nth}"), nth as u64 / 3, "{}")).collect();
        commit.archive[0].terms = terms(&["t:1", "t:2"]);
        commit.deadline = DeadlineMove::Set(Timestamp(500 + id));
        must(store, commit).await;
    }
    let planet: Scope = "planet:1".parse().expect("a scope of a newer version");
    for (of, expiry) in [(&ben, Expiry::After(LONG)), (&planet, Expiry::Keep)] {
        let mut commit = fresh(store, of, 7).await;
        commit.put = vec![(key("x"), Bytes::from_static(b"{}"))];
        commit.expiry = expiry;
        must(store, commit).await;
    }
    for of in [&ann, &eve] {
        store.touch(of, Timestamp(77)).await.expect("touches");
    }
}

pub async fn a_scope_is_put_in_as_it_was_taken_out(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    write_scopes(&*store).await;
    let all = exported(&*store).await;
    let with_board: Vec<&Whole> = all.iter().filter(|(stored, _)| stored.scope != scope("eve")).collect();
    let sizes: Vec<usize> = with_board.iter().map(|(_, rows)| rows.len()).collect();
    assert_eq!(sizes, [3 * MANY, 0, 0], "{:?}", all.iter().map(|(stored, _)| &stored.scope).collect::<Vec<_>>());
    clear(&*store, &all).await;
    assert!(exported(&*store).await.is_empty());
    assert_eq!(store.due(Timestamp(1000), 9).await.expect("answers").due, []);
    put_in(&*store, &all).await;
    assert!(rounded(&exported(&*store).await) == rounded(&all), "the export of the restored scopes differs");
    // A repetition changes nothing.
    put_in(&*store, &all).await;
    assert!(rounded(&exported(&*store).await) == rounded(&all), "the export after a repetition differs");
    let ann = scope("ann");
    let due = store.due(Timestamp(1000), 9).await.expect("answers").due;
    assert_eq!(due, [Due { scope: ann.clone(), at: Timestamp(503) }]);
    assert_eq!(store.history(&ann, &of_term("t:2", 9)).await.expect("reads").rows.len(), 3);
    assert_eq!(store.history(&ann, &Query::newest(9000)).await.expect("reads").rows.len(), 3 * MANY);
    let loaded = store.load(&ann, &RequiredRows::default()).await.expect("loads");
    assert_eq!((loaded.position.revision.0, loaded.items.len(), loaded.touched_at), (3, 3, Some(Timestamp(77))));
}

pub async fn a_restored_scope_goes_on(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    write_scopes(&*store).await;
    let all = exported(&*store).await;
    put_in(&*store, &all).await;
    let ann = scope("ann");
    let mut repeated = fresh(&*store, &ann, 2).await;
    repeated.id = CommandId(2);
    let outcome = store.commit(&repeated).await.expect("answers");
    assert!(matches!(outcome, Committed::Repeated(revision, _) if revision.0 == 2), "{outcome:?}");
    // Its history is counted: rows of 5 to 10 bytes of id, 2 of body, and three headers with terms.
    let quota = HistoryQuota { rows: 3 * MANY as u64, bytes: u64::MAX >> 16 };
    let more = |id, archive: Vec<ArchivedRow>, commit: Commit| Commit { id: CommandId(id), archive, ..commit };
    let commit = Commit { quota: Some(quota), ..more(9, vec![row("new", 1, "{}")], fresh(&*store, &ann, 9).await) };
    assert_eq!(full(&*store, commit).await, HistoryBound::Rows(quota.rows));
    let (_, rows) = all.iter().find(|(stored, _)| stored.scope == ann).expect("it is there");
    let bytes: usize = rows.iter().map(|row| row.id.as_str().len() + row.value_len()).sum();
    let exact = HistoryQuota { rows: u64::MAX >> 16, bytes: bytes as u64 + 5 };
    let commit = Commit { quota: Some(exact), ..more(10, vec![row("newx", 1, "{}")], fresh(&*store, &ann, 10).await) };
    assert_eq!(full(&*store, commit).await, HistoryBound::Bytes(exact.bytes));
    let commit = Commit { quota: Some(exact), ..more(11, vec![row("new", 1, "{}")], fresh(&*store, &ann, 11).await) };
    assert_eq!(must(&*store, commit).await.0, 4);
    // A scope whose end has passed meanwhile is gone; another end counts from before.
    let ends = |at: Option<Timestamp>| StoredScope { ends_at: at, ..all[0].0.clone() };
    let now = store.load(&ann, &RequiredRows::default()).await.expect("loads").now;
    for (at, is_there) in [(now - Millis(1000), false), (now + LONG, true)] {
        let steps = vec![
            RestoreStep::Clear(all[0].0.scope.clone()),
            RestoreStep::Finish(ends(Some(at)), HistorySize::default()),
        ];
        transfer(&*store).restore(steps).await.expect("restores");
        let end = tokio::time::Instant::now() + super::DEADLINE;
        loop {
            let loaded = store.load(&all[0].0.scope, &RequiredRows::default()).await.expect("loads");
            if (loaded.position != timers::Position::NONE) == is_there {
                break;
            }
            assert!(tokio::time::Instant::now() < end, "{at:?}");
            tokio::task::yield_now().await;
        }
    }
}

/// Writes commits, each with an item and a row that have its number, until `stop`.
async fn write_until(store: Arc<dyn Store>, stop: Arc<AtomicBool>) {
    for id in 10.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let mut commit = fresh(&*store, &scope("ann"), id).await;
        commit.put = vec![(key("latest"), Bytes::from(id.to_string()))];
        commit.archive = vec![row(&format!("late:{id:06}"), 1_000_000 + id, "{}")];
        commit.deadline = DeadlineMove::Set(Timestamp(id));
        must(&*store, commit).await;
    }
}

pub async fn each_exported_scope_is_of_one_state_while_it_changes(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    write_scopes(&*store).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn(write_until(Arc::clone(&store), Arc::clone(&stop)));
    for _ in 0..3 {
        let all = exported(&*store).await;
        let (stored, rows) = all.iter().find(|(stored, _)| stored.scope == scope("ann")).expect("it is there");
        let late = rows.len() - 3 * MANY;
        assert_eq!(stored.position.revision.0, 3 + late as u64, "each commit wrote one row");
        if late > 0 {
            let last = rows.last().and_then(|row| row.id.as_str().strip_prefix("late:")).expect("the latest");
            let last: u64 = last.parse().expect("a number");
            let item = stored.items.iter().find(|(of, _)| *of == key("latest")).expect("it was written");
            assert_eq!((&item.1[..], stored.deadline), (last.to_string().as_bytes(), Some(Timestamp(last))));
        }
    }
    stop.store(true, Ordering::Relaxed);
    writer.await.expect("the writer ends well");
}

pub async fn a_restore_is_marked_until_it_ends_and_the_time_continues(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let transfer = transfer(&*store);
    assert_eq!(transfer.unfinished_restore().await.expect("answers"), None);
    for marker in [Some(u64::MAX), Some(1), None] {
        transfer.set_unfinished_restore(marker).await.expect("marks");
        assert_eq!(transfer.unfinished_restore().await.expect("answers"), marker);
    }
    let now = async || {
        let beat = crate::store::BeatRequest {
            node: "restores".to_owned(),
            takeover_after: Millis(0),
            generation: timers::Tag(1),
            now: None,
        };
        store.beat(&beat).await.expect("beats")
    };
    let before = now().await;
    // The other store's clock had stepped back by an hour, which it has absorbed.
    let time = StoreTime { now: before.now, absorbed: LONG };
    transfer.continue_time(time, true).await.expect("continues");
    let after = now().await;
    assert!(after.now.since(before.now) >= NEARLY, "{before:?}, {after:?}");
    // A smaller time does not set the clock back.
    transfer.continue_time(StoreTime { now: before.now, absorbed: Millis(0) }, false).await.expect("continues");
    let later = now().await;
    assert!(later.now >= after.now && later.absorbed >= NEARLY, "{later:?}");
    // The other store's clock is ahead.
    let time = StoreTime { now: later.now + LONG, absorbed: later.absorbed };
    transfer.continue_time(time, false).await.expect("continues");
    assert!(now().await.now >= time.now, "the time is not before what the other store has told");
}
