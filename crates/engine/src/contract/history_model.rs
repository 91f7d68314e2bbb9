//! Random writes to a history, compared with a model.

use std::collections::BTreeMap;

use bytes::Bytes;
use timers::{HistoryBound, HistoryId, RequiredRows, Timestamp};

use super::history_terms::{all, of_term, terms};
use super::retention::full;
use super::{Fixture, fresh, must, node, row, scope};
use crate::store::{ArchivedRow, Commit, HistoryCursor, HistoryQuota, Query, Store};

const COMMITS: u64 = 120;

const TERMS: [&str; 6] = ["a", "ab", "b", "session:1", "session:12", "\u{e4}"];

/// Few ids and instants, so that rows are often replaced, moved and at one instant.
const IDS: u64 = 24;
const INSTANTS: std::ops::Range<u64> = 255..260;

type Model = BTreeMap<HistoryId, ArchivedRow>;

pub async fn random_writes_match_a_model(fixture: &dyn Fixture) {
    let seed = fastrand::u64(..);
    // A failure shows it, since the output of a failed test is printed.
    println!("the seed is {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let store = node(fixture).await.store;
    let (ann, mut model) = (scope("ann"), Model::new());
    for id in 1..=COMMITS {
        let mut commit = fresh(&*store, &ann, id).await;
        let (archive, archive_removed) = writes(&mut random);
        let before = size(&model);
        model.extend(archive.iter().map(|row| (row.id.clone(), row.clone())));
        archive_removed.iter().for_each(|id| drop(model.remove(id)));
        (commit.archive, commit.archive_removed) = (archive, archive_removed);
        let after = size(&model);
        if after.bytes > before.bytes {
            let quota = HistoryQuota { bytes: after.bytes - 1, ..after };
            let refused = full(&*store, Commit { quota: Some(quota), ..commit.clone() }).await;
            assert_eq!(refused, HistoryBound::Bytes(quota.bytes), "seed {seed}, commit {id}");
        }
        if after.rows > before.rows {
            let quota = HistoryQuota { rows: after.rows - 1, ..after };
            let refused = full(&*store, Commit { quota: Some(quota), ..commit.clone() }).await;
            assert_eq!(refused, HistoryBound::Rows(quota.rows), "seed {seed}, commit {id}");
        }
        must(&*store, Commit { quota: Some(after), ..commit }).await;
        check(&*store, &model, &mut random, seed).await;
    }
}

/// Makes rows to write and ids to delete.
fn writes(random: &mut fastrand::Rng) -> (Vec<ArchivedRow>, Vec<HistoryId>) {
    let id =
        |random: &mut fastrand::Rng| format!("row:{}", "x".repeat(usize::try_from(random.u64(..IDS)).unwrap_or(0)));
    let archive: Vec<ArchivedRow> = (0..random.usize(..4))
        .map(|_| ArchivedRow {
            terms: terms(&TERMS.into_iter().filter(|_| random.u8(..3) == 0).collect::<Vec<_>>()),
            body: Bytes::from(vec![b'{'; random.usize(1..20)]),
            ..row(&id(random), random.u64(INSTANTS), "")
        })
        .collect();
    let mut removed: Vec<HistoryId> = (0..random.usize(..3)).filter_map(|_| HistoryId::new(&id(random)).ok()).collect();
    removed.retain(|id| archive.iter().all(|row| row.id != *id));
    (archive, removed)
}

/// Returns the quota that a history fills exactly.
fn size(model: &Model) -> HistoryQuota {
    let bytes = model.values().map(|row| row.id.as_str().len() + row.value().len()).sum::<usize>();
    HistoryQuota { rows: model.len() as u64, bytes: bytes as u64 }
}

async fn check(store: &dyn Store, model: &Model, random: &mut fastrand::Rng, seed: u64) {
    for _ in 0..3 {
        let term = random.choice(TERMS).filter(|_| random.u8(..4) > 0);
        let mut instant = || random.bool().then(|| Timestamp(random.u64(INSTANTS)));
        let (from, to, at) = (instant(), instant(), instant());
        let id = format!("row:{}", "x".repeat(random.usize(..24)));
        let before = at.map(|at| HistoryCursor { at, id: HistoryId::new(&id).expect("a good id") });
        let query =
            Query { term: term.and_then(|term| of_term(term, 1).term), from, to, before, limit: random.usize(1..6) };
        let mut expected: Vec<&ArchivedRow> = model.values().filter(|row| query.wants(row)).collect();
        expected.sort_by(|a, b| (b.at, &b.id).cmp(&(a.at, &a.id)));
        let found = all(store, &scope("ann"), &query).await;
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "seed {seed}, {query:?}");
    }
    let ids: Vec<HistoryId> = model.keys().filter(|_| random.bool()).cloned().collect();
    let required = RequiredRows { existing: ids.clone(), bodies: ids.clone() };
    let loaded = store.load(&scope("ann"), &required).await.expect("loads");
    assert_eq!(loaded.existing.into_iter().collect::<Vec<_>>(), ids, "seed {seed}");
    assert!(loaded.rows.iter().eq(ids.iter().map(|id| &model[id])), "seed {seed}: {:?}", loaded.rows);
}
