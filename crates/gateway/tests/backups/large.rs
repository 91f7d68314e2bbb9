//! A hundred thousand rows, in one scope and in many.

use std::time::Duration;

use bytes::Bytes;
use engine::Store;
use engine::store::{ArchivedRow, Connected, HistorySize, Query, RestoreStep, StoredScope};
use harness::{RedisServer, wait_for};
use store::embedded::EmbeddedStore;
use store::redis::{Options, RedisStore};
use timers::{HistoryId, ItemKey, Position, Revision, Scope, Tag, Timestamp};

use super::command::{Folder, Said, backup, restore};

/// People in a store with many scopes.
pub(super) const PEOPLE: usize = 1000;

/// A row of a usual length.
fn row(nth: usize) -> ArchivedRow {
    ArchivedRow {
        id: HistoryId::new(&format!("row:{nth}")).unwrap(),
        at: Timestamp(1_700_000_000_000 + nth as u64 / 2),
        body: Bytes::from(format!("{{\"nth\":{nth},\"text\":\"{}\"}}", "x".repeat(300))),
        terms: Vec::new(),
    }
}

/// Writes a scope with an item that no version knows, and with rows.
async fn write(store: &dyn Store, name: &str, rows: usize) {
    let scope: Scope = name.parse().unwrap();
    let stored = StoredScope {
        scope: scope.clone(),
        position: Position { revision: Revision(1), tag: Tag(255) },
        at: Timestamp(1_700_000_000_000),
        items: vec![(ItemKey::from_stored("later:x"), Bytes::from_static(b"{ \"v\":1,\"later\":1}"))],
        recent: Vec::new(),
        deadline: None,
        ends_at: None,
        touched_at: None,
    };
    let all: Vec<ArchivedRow> = (0..rows).map(row).collect();
    let mut size = HistorySize::default();
    all.iter().for_each(|row| size.put(row.id.as_str(), row.value_len(), None));
    let mut steps: Vec<RestoreStep> =
        all.chunks(1000).map(|rows| RestoreStep::Rows(scope.clone(), rows.to_vec())).collect();
    steps.push(RestoreStep::Finish(stored, size));
    store.transfer().unwrap().restore(steps).await.unwrap();
}

async fn connect(redis: &RedisServer) -> Connected<dyn Store> {
    let connected = RedisStore::connect(&Options::new(redis.url().parse().unwrap(), "fills")).unwrap();
    wait_for("the store", || connected.store.ready().is_ok()).await;
    connected
}

/// Fills a Redis with people, each with as many rows.
pub(super) async fn fill(redis: &RedisServer, rows: usize) {
    let connected = connect(redis).await;
    for person in 0..PEOPLE {
        write(&*connected.store, &format!("user:p{person}"), rows).await;
    }
    connected.store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_of_a_hundred_thousand_rows_is_moved_whole() {
    const ROWS: usize = 100_000;
    let (redis, folder) = (RedisServer::start(), Folder::new());
    let (there, back) = (folder.path("there.tcb"), folder.path("back.tcb"));
    let connected = connect(&redis).await;
    write(&*connected.store, "org:1", ROWS).await;
    connected.store.close().await;
    let embedded = folder.store("data");
    let counts = format!("1 scopes, {ROWS} history rows");
    Said::by(&mut backup(&redis.url(), &there)).has(0, &[&counts]);
    Said::by(&mut restore(&embedded, &there)).has(0, &[&counts]);
    Said::by(&mut backup(&embedded, &back)).has(0, &[&counts]);
    let Connected { store, .. } = EmbeddedStore::open(&folder.path("data")).unwrap();
    let page = store.history(&"org:1".parse().unwrap(), &Query::newest(ROWS + 1)).await.unwrap();
    assert_eq!(page.rows.len(), ROWS);
    let mut rows = page.rows;
    rows.sort_by_key(|row| row.id.as_str()["row:".len()..].parse::<usize>().unwrap());
    assert!(rows.into_iter().eq((0..ROWS).map(row)), "a row has changed");
    tokio::time::timeout(Duration::from_secs(20), store.close()).await.unwrap();
}
