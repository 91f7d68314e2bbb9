//! What every adapter of the store port must do. Call [`check`](crate::contract_suite) through the macro
//! with a fixture that connects nodes to one and the same store.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use timers::{CommandId, DeadlineMove, HistoryId, ItemKey, Millis, Position, Revision, Scope, Tag, Timestamp, UserId};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::store::{ArchivedRow, BeatAsk, Commit, Committed, Connected, Cursor, Query, RECENT_IDS_MAX, Signal, Store};
use crate::update::Update;

/// How long the suite waits for what must come.
const DEADLINE: Duration = Duration::from_secs(10);

/// Connects nodes to one store that began empty.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// Connects another node; `None` if the store has one node only and it is connected already.
    async fn connect(&self) -> Option<Connected<dyn Store>>;
}

/// Makes a test of each case; `$fixture` is evaluated for each.
#[macro_export]
macro_rules! contract_suite {
    ($fixture:expr) => {
        $crate::contract_suite!(
            $fixture;
            a_board_that_was_never_written_is_empty,
            what_is_committed_is_loaded,
            bytes_and_names_come_back_as_they_were,
            a_commit_on_another_position_changes_nothing,
            a_repeated_command_is_told_what_it_made,
            the_newest_commands_are_remembered,
            a_late_commit_is_refused_and_a_stale_one_too,
            rivals_are_put_in_order_and_none_is_lost,
            watchers_hear_every_commit_in_order,
            nobody_hears_of_what_they_do_not_watch,
            the_history_is_paged_newest_first,
            a_history_row_is_replaced_and_moved,
            rows_of_one_instant_are_all_found,
            deadlines_are_found_moved_and_cleared,
            positions_are_told_in_the_order_asked,
            a_second_is_beaten_once,
            a_resignation_lets_another_lead,
            the_largest_change_goes_through,
        );
    };
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
    let update = Update { scope: scope.clone(), prev: on.tag, position, at: now, items: None, event: None, by: None };
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

async fn update(signals: &mut mpsc::Receiver<Signal>) -> Update {
    loop {
        let signal = timeout(DEADLINE, signals.recv()).await.expect("a signal in time").expect("a live store");
        if let Signal::Updated(update) = signal {
            return *update;
        }
    }
}

pub async fn a_board_that_was_never_written_is_empty(fixture: &dyn Fixture) {
    let node = node(fixture).await;
    let loaded = node.store.load(&scope("nobody"), &[]).await.expect("loads");
    assert_eq!((loaded.position, loaded.at, loaded.items.len()), (Position::NONE, Timestamp(0), 0));
    assert!(loaded.now > Timestamp(1_600_000_000_000), "the store tells the time");
    assert_eq!(node.store.positions(&[scope("nobody")]).await.expect("answers"), [Position::NONE]);
}

pub async fn what_is_committed_is_loaded(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let ann = scope("ann");
    let mut commit = fresh(&*store, &ann, 1).await;
    commit.put = vec![(key("a"), Bytes::from_static(b"{\"v\":1}")), (key("b"), Bytes::from_static(b"{\"v\":2}"))];
    commit.at = Timestamp(77);
    let tag = commit.tag;
    assert_eq!(must(&*store, commit).await, Revision(1));

    let mut commit = fresh(&*store, &ann, 2).await;
    assert_eq!(commit.expected, tag);
    commit.put = vec![(key("b"), Bytes::from_static(b"{\"v\":3}"))];
    commit.removed = vec![key("a"), key("never there")];
    let tag = commit.tag;
    assert_eq!(must(&*store, commit).await, Revision(2));

    let loaded = store.load(&ann, &[]).await.expect("loads");
    assert_eq!(loaded.position, Position { revision: Revision(2), tag });
    assert_eq!(loaded.items, [(key("b"), Bytes::from_static(b"{\"v\":3}"))]);
    assert!(store.load(&scope("an"), &[]).await.expect("loads").items.is_empty(), "another scope is another board");
}

pub async fn bytes_and_names_come_back_as_they_were(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    for name in ["a b", "{x}:y", "ä\u{1F600}", "user:1", "*?[", "a/..", &"n".repeat(200)] {
        let odd = scope(name);
        let bytes = Bytes::from((0..=255u8).collect::<Vec<u8>>());
        let mut commit = fresh(&*store, &odd, 1).await;
        commit.put = vec![(key(name), bytes.clone()), (key(&format!("{name}{name}")), Bytes::new())];
        commit.archive = vec![ArchivedRow { body: bytes.clone(), ..row("session:x", 5, "") }];
        must(&*store, commit).await;
        let mut items = store.load(&odd, &[]).await.expect("loads").items;
        items.sort();
        assert_eq!(items, [(key(name), bytes.clone()), (key(&format!("{name}{name}")), Bytes::new())], "{name}");
        let page = store.history(&odd, &Query { before: None, limit: 5 }).await.expect("reads");
        assert_eq!(page.rows[0].body, bytes);
    }
}

pub async fn a_commit_on_another_position_changes_nothing(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let ann = scope("ann");
    let first = fresh(&*store, &ann, 1).await;
    let mut rival = fresh(&*store, &ann, 2).await;
    must(&*store, first).await;
    rival.put = vec![(key("a"), Bytes::from_static(b"{}"))];
    rival.archive = vec![row("session:a", 1, "x")];
    rival.deadline = DeadlineMove::Set(Timestamp(1));
    assert!(matches!(store.commit(&rival).await, Ok(Committed::Conflict(_))));
    let loaded = store.load(&ann, &[HistoryId::new("session:a").expect("good")]).await.expect("loads");
    assert_eq!((loaded.position.revision, loaded.items.len(), loaded.known.len()), (Revision(1), 0, 0));
    assert!(store.due(Timestamp(u64::MAX >> 16), 10).await.expect("answers").is_empty());
}

pub async fn a_repeated_command_is_told_what_it_made(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let ann = scope("ann");
    let first = fresh(&*store, &ann, 1).await;
    assert_eq!(must(&*store, first.clone()).await, Revision(1));
    let second = fresh(&*store, &ann, 2).await;
    must(&*store, second).await;
    assert!(matches!(store.commit(&first).await, Ok(Committed::Repeated(Revision(1), _))), "sent twice");
    let again = fresh(&*store, &ann, 1).await;
    assert!(matches!(store.commit(&again).await, Ok(Committed::Repeated(Revision(1), _))), "decided twice");
    assert_eq!(store.load(&ann, &[]).await.expect("loads").position.revision, Revision(2));
}

pub async fn the_newest_commands_are_remembered(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let ann = scope("ann");
    let most = RECENT_IDS_MAX as u64;
    for id in 1..=most + 1 {
        let commit = fresh(&*store, &ann, id).await;
        must(&*store, commit).await;
    }
    let kept = fresh(&*store, &ann, 2).await;
    assert!(matches!(store.commit(&kept).await, Ok(Committed::Repeated(Revision(2), _))));
    let forgotten = fresh(&*store, &ann, 1).await;
    assert_eq!(must(&*store, forgotten).await, Revision(most + 2));
}

pub async fn a_late_commit_is_refused_and_a_stale_one_too(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let ann = scope("ann");
    let mut late = fresh(&*store, &ann, 1).await;
    late.decided_at = late.decided_at - Millis(2_100);
    assert!(matches!(store.commit(&late).await, Ok(Committed::Late(_))));
    let mut stale = fresh(&*store, &ann, 2).await;
    stale.decided_at = stale.decided_at - Millis(1_000);
    assert!(matches!(store.commit(&stale).await, Ok(Committed::Stale(_))));
    let mut repeated = fresh(&*store, &ann, 3).await;
    must(&*store, repeated.clone()).await;
    repeated.decided_at = repeated.decided_at - Millis(60_000);
    assert!(matches!(store.commit(&repeated).await, Ok(Committed::Repeated(..))), "what is done stays done");
    assert_eq!(store.load(&ann, &[]).await.expect("loads").position.revision, Revision(1));
}

pub async fn rivals_are_put_in_order_and_none_is_lost(fixture: &dyn Fixture) {
    const RIVALS: u64 = 8;
    const EACH: u64 = 10;
    let first = node(fixture).await;
    let mut stores = vec![Arc::clone(&first.store)];
    let second = fixture.connect().await;
    stores.extend(second.iter().map(|node| Arc::clone(&node.store)));
    let mut tasks = tokio::task::JoinSet::new();
    for rival in 0..RIVALS {
        let store = Arc::clone(&stores[usize::try_from(rival).unwrap_or(0) % stores.len()]);
        tasks.spawn(async move {
            let mut made = Vec::new();
            for nth in 0..EACH {
                made.push(insist(&*store, rival * EACH + nth + 1).await);
            }
            made
        });
    }
    let made: Vec<Revision> = tasks.join_all().await.into_iter().flatten().collect();
    let distinct: BTreeSet<Revision> = made.iter().copied().collect();
    assert_eq!(distinct, (1..=RIVALS * EACH).map(Revision).collect());
    assert_eq!(first.store.load(&scope("ann"), &[]).await.expect("loads").items.len() as u64, RIVALS * EACH);
}

async fn insist(store: &dyn Store, id: u64) -> Revision {
    loop {
        let mut commit = fresh(store, &scope("ann"), id).await;
        commit.put = vec![(key(&id.to_string()), Bytes::from_static(b"{}"))];
        match store.commit(&commit).await.expect("commits") {
            Committed::Done(revision, _) => return revision,
            Committed::Conflict(_) | Committed::Stale(_) | Committed::Late(_) => {}
            other @ Committed::Repeated(..) => panic!("{other:?}"),
        }
    }
}

pub async fn watchers_hear_every_commit_in_order(fixture: &dyn Fixture) {
    let mut first = node(fixture).await;
    let mut second = fixture.connect().await;
    let ann = scope("ann");
    first.store.watch(&ann).await.expect("watches");
    first.store.watch(&ann).await.expect("watching twice does no harm");
    if let Some(second) = &second {
        second.store.watch(&ann).await.expect("watches");
    }
    let mut tags = Vec::new();
    for id in 1..=50 {
        let commit = fresh(&*first.store, &ann, id).await;
        tags.push(commit.tag);
        must(&*first.store, commit).await;
    }
    for tag in &tags {
        assert_eq!(update(&mut first.signals).await.position.tag, *tag, "each once, in order");
    }
    if let Some(second) = &mut second {
        for tag in &tags {
            assert_eq!(update(&mut second.signals).await.position.tag, *tag, "on other nodes too");
        }
    }
}

pub async fn nobody_hears_of_what_they_do_not_watch(fixture: &dyn Fixture) {
    let mut node = node(fixture).await;
    let (ann, ben) = (scope("ann"), scope("ben"));
    node.store.watch(&ann).await.expect("watches");
    node.store.watch(&ben).await.expect("watches");
    node.store.unwatch(&ann);
    let mut id = 0;
    timeout(DEADLINE, async {
        // Letting go is not confirmed, so a few commits may still be heard.
        loop {
            id += 1;
            let of_ann = fresh(&*node.store, &ann, id).await;
            must(&*node.store, of_ann).await;
            let of_ben = fresh(&*node.store, &ben, id).await;
            let marker = of_ben.tag;
            must(&*node.store, of_ben).await;
            let heard = update(&mut node.signals).await;
            if heard.scope == ben {
                assert_eq!(heard.position.tag, marker);
                return;
            }
            assert_eq!(update(&mut node.signals).await.scope, ben);
        }
    })
    .await
    .expect("letting go has its effect");
}

pub async fn the_history_is_paged_newest_first(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let ann = scope("ann");
    let mut commit = fresh(&*store, &ann, 1).await;
    commit.archive = (0..25).map(|n| row(&format!("row:{n:02}"), 1_000 + n, &n.to_string())).collect();
    must(&*store, commit).await;
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = store.history(&ann, &Query { before, limit: 10 }).await.expect("reads");
        seen.extend(page.rows.iter().map(|row| row.at.0));
        before = page.next;
        if before.is_none() {
            break;
        }
        assert_eq!(page.rows.len(), 10);
    }
    assert_eq!(seen, (1_000..1_025).rev().collect::<Vec<_>>());
    let other = store.history(&scope("ben"), &Query { before: None, limit: 10 }).await.expect("reads");
    assert_eq!((other.rows.len(), other.next), (0, None));
}

pub async fn a_history_row_is_replaced_and_moved(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let ann = scope("ann");
    for (id, at, body) in [(1, 10, "first"), (2, 30, "second"), (3, 20, "third")] {
        let mut commit = fresh(&*store, &ann, id).await;
        commit.archive = vec![row("session:a", at, body), row(&format!("session:{id}"), 25, "other")];
        must(&*store, commit).await;
    }
    let page = store.history(&ann, &Query { before: None, limit: 10 }).await.expect("reads");
    let rows: Vec<(&str, u64, &[u8])> = page.rows.iter().map(|r| (r.id.as_str(), r.at.0, &r.body[..])).collect();
    assert_eq!(
        rows,
        [
            ("session:3", 25, b"other".as_slice()),
            ("session:2", 25, b"other"),
            ("session:1", 25, b"other"),
            ("session:a", 20, b"third"),
        ]
    );
    let ask = ["session:a", "session:b"].map(|id| HistoryId::new(id).expect("good"));
    let known = store.load(&ann, &ask).await.expect("loads").known;
    assert_eq!(known.into_iter().collect::<Vec<_>>(), ask[..1]);
}

pub async fn rows_of_one_instant_are_all_found(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let ann = scope("ann");
    let mut commit = fresh(&*store, &ann, 1).await;
    commit.archive = (0..300).map(|n| row(&format!("row:{n:03}"), 500, "x")).collect();
    commit.archive.push(row("row:old", 499, "x"));
    must(&*store, commit).await;
    let mut seen = Vec::new();
    let mut before: Option<Cursor> = None;
    loop {
        let page = store.history(&ann, &Query { before, limit: 7 }).await.expect("reads");
        seen.extend(page.rows.into_iter().map(|row| row.id.to_string()));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    let mut wanted: Vec<String> = (0..300).rev().map(|n| format!("row:{n:03}")).collect();
    wanted.push("row:old".to_owned());
    assert_eq!(seen, wanted);
}

pub async fn deadlines_are_found_moved_and_cleared(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    for (id, name, at) in [(1, "ann", 300), (2, "ben", 100), (3, "cem", 200), (4, "dee", 9_000)] {
        let mut commit = fresh(&*store, &scope(name), id).await;
        commit.deadline = DeadlineMove::Set(Timestamp(at));
        must(&*store, commit).await;
    }
    let due = |until| {
        let store = Arc::clone(&store);
        async move {
            let mut due = store.due(Timestamp(until), 100).await.expect("answers");
            due.sort_by_key(|due| due.at);
            due.into_iter().map(|due| (due.scope, due.at.0)).collect::<Vec<_>>()
        }
    };
    assert_eq!(due(300).await, [(scope("ben"), 100), (scope("cem"), 200), (scope("ann"), 300)]);
    assert_eq!(due(299).await.len(), 2);
    let mut moved = fresh(&*store, &scope("ben"), 5).await;
    moved.deadline = DeadlineMove::Set(Timestamp(5_000));
    must(&*store, moved).await;
    let mut cleared = fresh(&*store, &scope("cem"), 6).await;
    cleared.deadline = DeadlineMove::Clear;
    must(&*store, cleared).await;
    let kept = fresh(&*store, &scope("ann"), 7).await;
    must(&*store, kept).await;
    assert_eq!(due(6_000).await, [(scope("ann"), 300), (scope("ben"), 5_000)]);
}

pub async fn positions_are_told_in_the_order_asked(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let mut wanted = Vec::new();
    for (id, name) in [(1, "ann"), (2, "ben")] {
        let commit = fresh(&*store, &scope(name), id).await;
        wanted.push(Position { revision: Revision(1), tag: commit.tag });
        must(&*store, commit).await;
    }
    let asked = [scope("ben"), scope("nobody"), scope("ann")];
    let told = store.positions(&asked).await.expect("answers");
    assert_eq!(told, [wanted[1], Position::NONE, wanted[0]]);
    assert_eq!(store.positions(&[]).await.expect("answers"), []);
}

fn ask(node: &str, now: Option<Timestamp>) -> BeatAsk {
    BeatAsk { node: node.to_owned(), takeover_after: Millis(250), generation: Tag(9), now }
}

pub async fn a_second_is_beaten_once(fixture: &dyn Fixture) {
    let mut first = node(fixture).await;
    let second = fixture.connect().await;
    let mut beats = Vec::new();
    let told = timeout(DEADLINE, async {
        while beats.len() < 3 {
            let answer = first.store.beat(&ask("one", None)).await.expect("answers");
            assert_eq!(answer.leader, "one");
            assert_eq!(answer.generation, Tag(9));
            if beats.last() != Some(&answer.beat) {
                assert_eq!(answer.beat, answer.now.beat());
                beats.push(answer.beat);
            }
            if let Some(second) = &second {
                let refused = second.store.beat(&ask("two", None)).await.expect("answers");
                assert_eq!(refused.leader, "one", "the leader is not late");
            }
            tokio::task::yield_now().await;
        }
    });
    told.await.expect("seconds pass");
    let mut heard = Vec::new();
    while heard.len() < beats.len() {
        match timeout(DEADLINE, first.signals.recv()).await.expect("a beat in time") {
            Some(Signal::Beat(beat)) => heard.push(beat.beat),
            Some(_) => {}
            None => panic!("a live store"),
        }
    }
    assert_eq!(heard, beats, "each is told once");
}

pub async fn a_resignation_lets_another_lead(fixture: &dyn Fixture) {
    let first = node(fixture).await;
    let Some(mut second) = fixture.connect().await else { return };
    let led = first.store.beat(&ask("one", None)).await.expect("answers");
    first.store.vacate("somebody else").await.expect("changes nothing");
    first.store.vacate("one").await.expect("resigns");
    loop {
        match timeout(DEADLINE, second.signals.recv()).await.expect("in time") {
            Some(Signal::Vacant) => break,
            Some(_) => {}
            None => panic!("a live store"),
        }
    }
    let taken = timeout(DEADLINE, async {
        loop {
            let answer = second.store.beat(&ask("two", None)).await.expect("answers");
            if answer.beat > led.beat {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    });
    let taken = taken.await.expect("the next second comes");
    assert_eq!((taken.leader.as_str(), taken.beat), ("two", led.beat.next()), "at once, not when it is late");
}

pub async fn the_largest_change_goes_through(fixture: &dyn Fixture) {
    let store = node(fixture).await.store;
    let ann = scope("ann");
    let mut commit = fresh(&*store, &ann, 1).await;
    commit.put = (0..400).map(|n| (key(&n.to_string()), Bytes::from(vec![b'x'; 5_000]))).collect();
    commit.archive = (0..timers::ROWS_MAX).map(|n| row(&format!("row:{n}"), 1, &"y".repeat(500))).collect();
    must(&*store, commit).await;
    let mut commit = fresh(&*store, &ann, 2).await;
    commit.removed = (0..400).map(|n| key(&n.to_string())).collect();
    must(&*store, commit).await;
    assert!(store.load(&ann, &[]).await.expect("loads").items.is_empty());
    let page = store.history(&ann, &Query { before: None, limit: timers::ROWS_MAX }).await.expect("reads");
    assert_eq!((page.rows.len(), page.next), (timers::ROWS_MAX, None));
}
