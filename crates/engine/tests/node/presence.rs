//! Where nodes have members, and what becomes of these.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use engine::*;
use timers::room::{Command as Ask, Joining};
use timers::*;
use tokio::time::{Instant, sleep};

use super::tap::*;

/// Two nodes that have been up for a while.
async fn steady() -> (MemoryStore, [(Arc<Engine>, Arc<Tap>); 2]) {
    let hands = Hands::new();
    let store = hands.store();
    let nodes = ["one", "two"].map(|name| node(&store, &hands, name));
    sleep(Duration::from_secs(10)).await; // tidy: allow: virtual time
    (store, nodes)
}

fn room() -> RoomId {
    RoomId::new("r").unwrap()
}

/// Somebody comes into the room, or makes it, by a node.
async fn come(engine: &Engine, who: &str) -> Place {
    let place = engine.presence().enter(&room()).await.unwrap();
    let joining = Joining {
        member: MemberId::new(who).unwrap(),
        secret: ResumeSecret::new(who).unwrap(),
        resume: None,
        name: Some(who.to_owned()),
        link: LinkId::new(who).unwrap(),
        node: place.node().clone(),
    };
    let ask = if who == "ann" { Ask::Create(None, joining) } else { Ask::Join(joining) };
    let request = Request { scope: Scope::Room(room()), command: Command::Room(ask), id: None, by: None };
    engine.execute(request).await.unwrap();
    place
}

fn there(board: &Board) -> Vec<&str> {
    board.members().map(|member| member.name.as_str()).collect()
}

/// Waits until the store has these members in the room; returns how long it took.
async fn until(store: &MemoryStore, names: &[&str]) -> Duration {
    let begun = Instant::now();
    while there(&store.board(&Scope::Room(room()))) != names {
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", store.board(&Scope::Room(room())));
        sleep(Duration::from_millis(100)).await; // tidy: allow: virtual time
    }
    begun.elapsed()
}

fn node_board(store: &MemoryStore, name: &NodeId) -> Board {
    store.board(&Scope::Node(name.clone()))
}

#[tokio::test(start_paused = true)]
async fn a_dead_nodes_members_leave_in_time_and_once() {
    let (store, [(one, _), (two, _)]) = steady().await;
    assert!(one.leads(), "the one that dies is the one that would clear up");
    let places = [come(&one, "ann").await, come(&one, "ada").await, come(&two, "ben").await];
    let mut reader = Reader::new(two.hub().join(&Scope::Room(room())).await.unwrap());
    reader.catch_up(|_| {});
    sleep(Duration::from_secs(60)).await; // tidy: allow: virtual time
    assert_eq!(there(&store.board(&Scope::Room(room()))), ["ada", "ann", "ben"], "they live");
    one.stop().await;
    let took = until(&store, &["ben"]).await;
    assert!(took < Duration::from_secs(15), "{took:?}");
    let mut seen = Vec::new();
    reader.catch_up(|sight| {
        if let Sight::News { new, .. } = sight {
            seen.push(new.board.members().count());
        }
    });
    assert_eq!(seen, [1], "they left once, and together");
    sleep(Duration::from_secs(1)).await; // tidy: allow: virtual time
    assert!(node_board(&store, places[0].node()).items.is_empty(), "and nothing is left of their node");
    assert!(!node_board(&store, places[2].node()).items.is_empty());
}

#[tokio::test(start_paused = true)]
async fn nobody_is_taken_for_dead_because_the_store_was_away() {
    let (store, nodes) = steady().await;
    let [(one, _), (two, _)] = &nodes;
    let _places = [come(one, "ann").await, come(two, "ben").await];
    let names = [one, two].map(|node| node.presence().name().borrow().clone());
    for away in [4, 6, 7, 9, 20, 60] {
        nodes.iter().for_each(|(_, tap)| tap.away.store(true, Relaxed));
        sleep(Duration::from_secs(away)).await; // tidy: allow: virtual time
        nodes.iter().for_each(|(_, tap)| tap.away.store(false, Relaxed));
        sleep(Duration::from_secs(20)).await; // tidy: allow: virtual time
        assert_eq!(there(&store.board(&Scope::Room(room()))), ["ann", "ben"], "away for {away} s");
    }
    assert_eq!([one, two].map(|node| node.presence().name().borrow().clone()), names);
}

#[tokio::test(start_paused = true)]
async fn who_was_taken_for_dead_goes_on_under_another_name() {
    let (store, [(one, _), (two, tap)]) = steady().await;
    let _ann = come(&one, "ann").await;
    let place = come(&two, "ben").await;
    let mut name = two.presence().name();
    assert_eq!(name.borrow_and_update().as_ref(), Some(place.node()));
    tap.away.store(true, Relaxed);
    until(&store, &["ann"]).await;
    tap.away.store(false, Relaxed);
    name.changed().await.unwrap();
    assert_eq!(*name.borrow_and_update(), None, "it is told");
    let again = come(&two, "ben").await;
    assert_ne!(again.node(), place.node());
    assert_eq!(name.borrow().as_ref(), Some(again.node()));
    drop(place);
    sleep(Duration::from_secs(30)).await; // tidy: allow: virtual time
    assert_eq!(there(&store.board(&Scope::Room(room()))), ["ann", "ben"]);
}

#[tokio::test(start_paused = true)]
async fn a_room_is_held_as_long_as_somebody_is_there_and_a_lease_as_long_as_a_room() {
    let (store, [(one, tap), _]) = steady().await;
    let places = [come(&one, "ann").await, come(&one, "ada").await];
    let name = places[0].node().clone();
    let rooms = |store: &MemoryStore| node_board(store, &name).presences().count();
    let [first, second] = places;
    drop(first);
    sleep(Duration::from_secs(20)).await; // tidy: allow: virtual time
    assert_eq!(rooms(&store), 1);
    drop(second);
    sleep(Duration::from_secs(2)).await; // tidy: allow: virtual time
    // Somebody comes back before it is let go: nothing is to be stored.
    tap.away.store(true, Relaxed);
    let third = one.presence().enter(&room()).await.unwrap();
    tap.away.store(false, Relaxed);
    sleep(Duration::from_secs(20)).await; // tidy: allow: virtual time
    assert_eq!(rooms(&store), 1);
    drop(third);
    sleep(Duration::from_secs(8)).await; // tidy: allow: virtual time
    assert_eq!(rooms(&store), 0);
    sleep(Duration::from_secs(20)).await; // tidy: allow: virtual time
    assert!(node_board(&store, &name).items.is_empty() && one.presence().name().borrow().is_none());
}

#[tokio::test(start_paused = true)]
async fn who_can_not_be_stored_does_not_come_in() {
    let (_, [(one, tap), _]) = steady().await;
    tap.away.store(true, Relaxed);
    let refused = one.presence().enter(&room()).await.err().unwrap();
    assert!(refused.to_string().contains("away"), "{refused}");
    tap.away.store(false, Relaxed);
    one.presence().enter(&room()).await.unwrap();
}
