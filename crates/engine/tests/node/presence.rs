//! The members of nodes, and their removal.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use engine::*;
use timers::node;
use timers::room::{Joining, Member, RoomCommand as Ask};
use timers::*;
use tokio::time::{Instant, sleep};

use super::test_node::*;

/// Starts two nodes, and waits until they are steady.
async fn steady() -> (MemoryStore, [(Arc<Engine>, Arc<FaultyStore>); 2]) {
    let clocks = TestClocks::new();
    let store = clocks.store();
    let nodes = ["one", "two"].map(|name| node(&store, &clocks, name));
    sleep(Duration::from_secs(10)).await; // tidy: allow: virtual time
    (store, nodes)
}

fn room() -> RoomId {
    RoomId::new("r").unwrap()
}

/// Joins the room through a node; `ann` creates it.
async fn join_room(engine: &Engine, who: &str) -> MembershipGuard {
    let place = engine.presence().enter(&Scope::room(&room())).await.unwrap();
    let joining = Joining {
        member: MemberId::new(who).unwrap(),
        secret: ResumeSecret::new(who).unwrap(),
        resume: None,
        name: Some(who.to_owned()),
        connection: ConnectionId::new(who).unwrap(),
        node: place.node().clone(),
    };
    let ask = if who == "ann" { Ask::Create(None, joining) } else { Ask::Join(joining) };
    let request = Request { scope: Scope::room(&room()), command: Command::Room(ask), id: None };
    engine.execute(request).await.unwrap();
    place
}

fn member_names(board: &Board) -> Vec<&str> {
    board.all::<Member>().map(|member| member.name.as_str()).collect()
}

/// Waits until the stored room has these members; returns the time that it took.
async fn until(store: &MemoryStore, names: &[&str]) -> Duration {
    let begun = Instant::now();
    while member_names(&store.board(&Scope::room(&room()))) != names {
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", store.board(&Scope::room(&room())));
        sleep(Duration::from_millis(100)).await; // tidy: allow: virtual time
    }
    begun.elapsed()
}

fn node_board(store: &MemoryStore, name: &NodeId) -> Board {
    store.board(&Scope::node(name))
}

#[tokio::test(start_paused = true)]
async fn the_members_of_a_dead_node_are_removed_in_time_and_once() {
    let (store, [(one, _), (two, _)]) = steady().await;
    assert!(one.is_leader(), "the one that dies is the one that would clear up");
    let places = [join_room(&one, "ann").await, join_room(&one, "ada").await, join_room(&two, "ben").await];
    let mut reader = Reader::new(two.hub().join(&Scope::room(&room())).await.unwrap());
    reader.catch_up(|_| {});
    sleep(Duration::from_secs(60)).await; // tidy: allow: virtual time
    assert_eq!(member_names(&store.board(&Scope::room(&room()))), ["ada", "ann", "ben"], "they live");
    one.stop().await;
    let took = until(&store, &["ben"]).await;
    assert!(took < Duration::from_secs(15), "{took:?}");
    let mut seen = Vec::new();
    reader.catch_up(|delivery| {
        if let Delivery::Diff { new, .. } = delivery {
            seen.push(new.board.all::<Member>().count());
        }
    });
    assert_eq!(seen, [1], "they are removed once, and together");
    sleep(Duration::from_secs(1)).await; // tidy: allow: virtual time
    assert!(node_board(&store, places[0].node()).items.is_empty(), "and nothing is left of their node");
    assert!(!node_board(&store, places[2].node()).items.is_empty());
}

#[tokio::test(start_paused = true)]
async fn no_lease_is_lost_because_the_store_was_unavailable() {
    let (store, nodes) = steady().await;
    let [(one, _), (two, _)] = &nodes;
    let _places = [join_room(one, "ann").await, join_room(two, "ben").await];
    let names = [one, two].map(|node| node.presence().name().borrow().clone());
    for away in [4, 6, 7, 9, 20, 60] {
        nodes.iter().for_each(|(_, faults)| faults.unavailable.store(true, Relaxed));
        sleep(Duration::from_secs(away)).await; // tidy: allow: virtual time
        nodes.iter().for_each(|(_, faults)| faults.unavailable.store(false, Relaxed));
        sleep(Duration::from_secs(20)).await; // tidy: allow: virtual time
        assert_eq!(member_names(&store.board(&Scope::room(&room()))), ["ann", "ben"], "unavailable for {away} s");
    }
    assert_eq!([one, two].map(|node| node.presence().name().borrow().clone()), names);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_lost_its_lease_continues_under_another_name() {
    let (store, [(one, _), (two, faults)]) = steady().await;
    let _ann = join_room(&one, "ann").await;
    let place = join_room(&two, "ben").await;
    let mut name = two.presence().name();
    assert_eq!(name.borrow_and_update().as_ref(), Some(place.node()));
    faults.unavailable.store(true, Relaxed);
    until(&store, &["ann"]).await;
    faults.unavailable.store(false, Relaxed);
    name.changed().await.unwrap();
    assert_eq!(*name.borrow_and_update(), None, "it is told");
    let again = join_room(&two, "ben").await;
    assert_ne!(again.node(), place.node());
    assert_eq!(name.borrow().as_ref(), Some(again.node()));
    drop(place);
    sleep(Duration::from_secs(30)).await; // tidy: allow: virtual time
    assert_eq!(member_names(&store.board(&Scope::room(&room()))), ["ann", "ben"]);
}

#[tokio::test(start_paused = true)]
async fn a_room_is_recorded_while_it_has_members_and_a_lease_while_there_are_rooms() {
    let (store, [(one, faults), _]) = steady().await;
    let places = [join_room(&one, "ann").await, join_room(&one, "ada").await];
    let name = places[0].node().clone();
    let rooms = |store: &MemoryStore| node_board(store, &name).all::<node::RoomPresence>().count();
    let [first, second] = places;
    drop(first);
    sleep(Duration::from_secs(20)).await; // tidy: allow: virtual time
    assert_eq!(rooms(&store), 1);
    drop(second);
    sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
    // A member returns before the room is dropped: nothing needs to be stored.
    faults.unavailable.store(true, Relaxed);
    let third = one.presence().enter(&Scope::room(&room())).await.unwrap();
    faults.unavailable.store(false, Relaxed);
    sleep(Duration::from_secs(20)).await; // tidy: allow: virtual time
    assert_eq!(rooms(&store), 1);
    drop(third);
    sleep(Duration::from_secs(8)).await; // tidy: allow: virtual time
    assert_eq!(rooms(&store), 0);
    sleep(Duration::from_secs(20)).await; // tidy: allow: virtual time
    assert!(node_board(&store, &name).items.is_empty() && one.presence().name().borrow().is_none());
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_cannot_be_recorded_is_refused() {
    let (_, [(one, faults), _]) = steady().await;
    faults.unavailable.store(true, Relaxed);
    let refused = one.presence().enter(&Scope::room(&room())).await.err().unwrap();
    assert!(refused.to_string().contains("away"), "{refused}");
    faults.unavailable.store(false, Relaxed);
    one.presence().enter(&Scope::room(&room())).await.unwrap();
}

fn lost(engine: &Engine, name: &NodeId, store: &MemoryStore) -> Option<Timestamp> {
    assert_ne!(engine.presence().name().borrow().as_ref(), Some(name));
    let board = node_board(store, name);
    board.get::<node::Lease>(&()).filter(|lease| lease.lost).map(node::Lease::alive_until)
}

#[tokio::test(start_paused = true)]
async fn nodes_know_whether_another_node_lives_and_until_when_it_did() {
    let (store, [(one, _), (two, faults)]) = steady().await;
    let _ann = join_room(&one, "ann").await;
    let place = join_room(&two, "ben").await;
    let of_two = place.node().clone();
    let state = async || one.lease_state(&of_two).await.unwrap();
    assert_eq!(state().await, LeaseState::Held);
    sleep(Duration::from_secs(30)).await; // tidy: allow: virtual time
    assert_eq!(state().await, LeaseState::Held, "it renews its lease");

    let last_heard = one.clock().now().unwrap();
    faults.unavailable.store(true, Relaxed);
    assert_eq!(two.lease_state(&of_two).await.unwrap(), LeaseState::Held, "a node asks nobody about itself");
    let (mut states, begun) = (Vec::new(), Instant::now());
    while !matches!(states.last(), Some(LeaseState::Absent)) {
        assert!(begun.elapsed() < Duration::from_secs(30), "{states:?}");
        let now = state().await;
        if states.last() != Some(&now) {
            states.push(now);
        }
        sleep(Duration::from_millis(1)).await; // tidy: allow: virtual time
    }
    // A state is remembered for a second, so a short one can be missed.
    let [LeaseState::Held, between @ .., LeaseState::Absent] = &states[..] else { panic!("{states:?}") };
    for state in between {
        let (LeaseState::Ended { alive_until } | LeaseState::Lost { alive_until }) = state else {
            panic!("{states:?}")
        };
        assert!(
            last_heard.since(*alive_until) <= Millis(2_500) && *alive_until <= last_heard + Millis(10),
            "{states:?}"
        );
    }
    let last_renewal = between.iter().filter(|state| matches!(state, LeaseState::Lost { .. })).count();
    assert!(last_renewal <= 1, "{states:?}");
    assert_eq!(member_names(&store.board(&Scope::room(&room()))), ["ann"]);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_restarts_alone_does_not_take_its_dead_self_for_alive() {
    let clocks = TestClocks::new();
    let store = clocks.store();
    let (one, _) = node(&store, &clocks, "one");
    sleep(Duration::from_secs(10)).await; // tidy: allow: virtual time
    let place = join_room(&one, "ann").await;
    let (name, died_at) = (place.node().clone(), one.clock().now().unwrap());
    one.stop().await;
    sleep(Duration::from_secs(600)).await; // tidy: allow: virtual time
    let (again, _) = node(&store, &clocks, "one");
    let begun = Instant::now();
    let first = loop {
        match again.lease_state(&name).await {
            Ok(state) => break state,
            Err(error) => assert!(begun.elapsed() < Duration::from_secs(10), "{error}"),
        }
        sleep(Duration::from_millis(10)).await; // tidy: allow: virtual time
    };
    let LeaseState::Ended { alive_until } = first else { panic!("{first:?}") };
    assert!(died_at.since(alive_until) <= Millis(2_500), "{alive_until} and {died_at}");
    until(&store, &[]).await;
    assert_eq!(lost(&again, &name, &store).unwrap_or(alive_until), alive_until);
}

#[tokio::test(start_paused = true)]
async fn a_scope_of_an_unknown_kind_is_kept_on_the_board_of_a_dead_node_and_the_others_are_cleared() {
    let (store, [(one, _), (two, _)]) = steady().await;
    let place = join_room(&one, "ann").await;
    let _ben = join_room(&two, "ben").await;
    let planet: Scope = "planet:1".parse().unwrap();
    let _member = one.presence().enter(&planet).await.unwrap();
    assert_eq!(one.presence().count(planet.kind()), (1, 1));
    assert_eq!(one.presence().count(&ScopeKind::Room), (1, 1));
    one.stop().await;
    until(&store, &["ben"]).await;
    sleep(Duration::from_secs(60)).await; // tidy: allow: virtual time
    let board = node_board(&store, place.node());
    assert_eq!(node::scopes_of(&board).collect::<Vec<_>>(), [planet]);
    assert!(lost(&two, place.node(), &store).is_some(), "a node that knows the kind still has its deadline");
}
