//! Changes that are larger than one commit takes.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use engine::store::{COMMIT_ITEMS_MAX, Commit, Committed, Expiry};
use engine::*;
use timers::node::RoomPresence;
use timers::room::{CountdownPhase, Member, Room};
use timers::*;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::test_node::*;

fn room() -> Scope {
    Scope::room(&RoomId::new("r").unwrap())
}

fn stored<T: ItemType>(item: T) -> (ItemKey, Bytes) {
    let key = ItemKey::of::<T>(item.id());
    (key, item.into_item().encode().into())
}

/// Stores a room with members that were disconnected long ago.
async fn store_room(faults: &FaultyStore, members: usize) {
    let node = NodeId::new("n").unwrap();
    let member = |nth: usize| Member {
        id: MemberId::new(&nth.to_string()).unwrap(),
        name: nth.to_string(),
        connected_at: Timestamp(1),
        secret: ResumeSecret::new(&nth.to_string()).unwrap(),
        connection: ConnectionId::new(&nth.to_string()).unwrap(),
        node: node.clone(),
        disconnected_at: Some(Timestamp(1_600_000_000_000)),
        unknown_fields: Vec::new(),
    };
    let of_room = Room {
        created: Timestamp(1),
        last_activity: Timestamp(1),
        duration: Millis(60_000),
        started_at: None,
        phase: CountdownPhase::Idle,
        completed_at: None,
        empty_since: None,
        unknown_fields: Vec::new(),
    };
    let mut items = vec![stored(of_room)];
    items.extend((0..members).map(|nth| stored(member(nth))));
    for (nth, put) in items.chunks(COMMIT_ITEMS_MAX).enumerate() {
        let (rev, loaded) = (nth as u64 + 1, faults.node.load(&room(), &RequiredRows::default()).await.unwrap());
        let (prev, tag) = (loaded.position.tag, Tag(rev));
        let update = format!(r#"{{"v":99,"scope":"{}","prev":"{prev}","rev":{rev},"tag":"{tag}","at":1}}"#, room());
        let commit = Commit {
            scope: room(),
            expected: prev,
            id: CommandId(rev),
            decided_at: loaded.now,
            at: Timestamp(1_600_000_000_000),
            tag,
            put: put.to_vec(),
            removed: Vec::new(),
            archive: Vec::new(),
            archive_removed: Vec::new(),
            deadline: DeadlineMove::Keep,
            expiry: Expiry::Keep,
            quota: None,
            update: update.into(),
        };
        assert!(matches!(faults.node.commit(&commit).await, Ok(Committed::Done(..))));
    }
}

#[tokio::test(start_paused = true)]
async fn one_settle_carries_out_more_than_one_commit_takes() {
    // The second number needs more commits than a command may lose races.
    for (members, commits) in [(1_001, 2), (ATTEMPTS_MAX * 1_000 + 1, ATTEMPTS_MAX + 1)] {
        let clocks = TestClocks::new();
        let store = clocks.store();
        let (one, faults) = node(&store, &clocks, "one");
        faults.hides_deadlines.store(true, Relaxed);
        sleep(Duration::from_millis(2_050)).await; // tidy: allow: virtual time
        store_room(&faults, members).await;
        let subscription = one.hub().join(&room()).await.unwrap();
        let before = store.board(&room()).position.revision;
        let id = CommandId(77_777);
        let outcome = one.execute(Request { scope: room(), command: Command::Settle, id: Some(id) }).await.unwrap();
        assert!(matches!(outcome.effect, Effect::Change(_)), "{:?}", outcome.effect);
        let board = store.board(&room());
        // All members have left at one instant of the past, and so has the room since.
        assert_eq!(board.items.len(), 0, "of {members}");
        assert_eq!(one.stats().commits.get(), commits as u64);
        assert_eq!((one.stats().conflicts.get(), one.stats().repeated.get()), (0, 0));
        assert_eq!(subscription.snapshot().view.board.items.len(), 0, "listeners see it before the answer");
        assert!(outcome.revision > before);
    }
}

#[tokio::test(start_paused = true)]
async fn a_resent_part_does_not_count_as_the_command() {
    let clocks = TestClocks::new();
    let store = clocks.store();
    let (one, faults) = node(&store, &clocks, "one");
    faults.hides_deadlines.store(true, Relaxed);
    sleep(Duration::from_millis(2_050)).await; // tidy: allow: virtual time
    store_room(&faults, 1_001).await;
    faults.commits.lock().unwrap().push_back(Plan::LoseAnswer);
    let joining = room::RoomCommand::Pause;
    let request = Request { scope: room(), command: Command::Room(joining), id: Some(CommandId(5)) };
    let outcome = one.execute(request).await;
    assert!(matches!(outcome, Err(ExecuteError::Refused(_))), "the room has ended meanwhile: {outcome:?}");
    assert_eq!(one.stats().repeated.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_node_drops_more_empty_rooms_than_one_commit_takes() {
    const ROOMS: usize = 1_200;
    let clocks = TestClocks::new();
    let store = clocks.store();
    let (one, _) = node(&store, &clocks, "one");
    sleep(Duration::from_secs(10)).await; // tidy: allow: virtual time
    let mut entering = JoinSet::new();
    for nth in 0..=ROOMS {
        let one = Arc::clone(&one);
        let room = RoomId::new(&format!("room-{nth}")).unwrap();
        entering.spawn(async move { (nth, one.presence().enter(&Scope::room(&room)).await.unwrap()) });
    }
    let mut guards = entering.join_all().await;
    guards.sort_by_key(|(nth, _)| *nth);
    let name = guards[0].1.node().clone();
    let rooms = || store.board(&Scope::node(&name)).all::<RoomPresence>().count();
    assert_eq!(rooms(), ROOMS + 1);
    guards.truncate(1);
    sleep(Duration::from_secs(10)).await; // tidy: allow: virtual time
    assert_eq!((rooms(), one.presence().count(&ScopeKind::Room)), (1, (1, 1)), "only the room with a member is left");
    assert_eq!(one.presence().name().borrow().as_ref(), Some(&name), "under the same lease");
}
