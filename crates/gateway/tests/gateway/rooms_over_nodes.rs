//! Rooms over several nodes: who hears what, and what becomes of it when one of them, or Redis, dies.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use harness::{DURABLE, Node, RedisServer, SocketIo, wait_until};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// A death is noticed within this by all who are left (the Rooms contract).
const NOTICED_WITHIN: Duration = Duration::from_secs(15);

#[tokio::test]
async fn the_members_of_a_node_that_dies_leave_once_and_those_who_come_back_do_not() {
    let redis = RedisServer::start();
    let (mut one, two) = (Node::start_over(&redis, "a").await, Node::start_over(&redis, "b").await);
    let (mut ann, room) = SocketIo::host(two.public).await;
    let (_ben, ben) = SocketIo::guest(one.public, &room).await;
    let (_cem, cem) = SocketIo::guest(one.public, &room).await;
    ann.next_of("session:user-joined").await;
    ann.next_of("session:user-joined").await;
    one.kill();
    let died = Instant::now();
    let mut back = SocketIo::connect(two.public).await;
    let after = back.must("session:join", json!({ "sessionId": room, "resume": cem["resume"] })).await;
    assert_eq!(after["clientId"], cem["clientId"]);
    ann.client.patience = NOTICED_WITHIN;
    let left = ann.next_of("session:user-left").await;
    assert!(died.elapsed() < NOTICED_WITHIN);
    assert_eq!((&left["client"]["id"], &left["count"]), (&ben["clientId"], &json!(2)));
    back.must("timer:start", json!(60)).await;
    assert_eq!(ann.next().await.0, "timer:state", "nobody else has left");
}

#[tokio::test]
async fn members_of_a_node_that_was_taken_for_dead_come_in_again_and_are_told() {
    let redis = RedisServer::start();
    let (one, two) = (Node::start_over(&redis, "a").await, Node::start_over(&redis, "b").await);
    let (mut ann, room) = SocketIo::host(two.public).await;
    let (mut ben, before) = SocketIo::guest(one.public, &room).await;
    ann.next_of("session:user-joined").await;
    one.freeze();
    ann.client.patience = NOTICED_WITHIN;
    assert_eq!(ann.next_of("session:user-left").await["client"]["id"], before["clientId"]);
    one.thaw();
    assert_eq!(ben.next_of("session:joined").await, before);
    let after = loop {
        let (name, payload) = ben.next().await;
        if name == "session:joined" {
            break payload;
        }
        assert_ne!(name, "session:user-joined", "only others are told of it: {payload}");
    };
    assert_eq!(after["name"], before["name"]);
    assert_eq!(ann.next_of("session:user-joined").await["client"]["id"], after["clientId"]);
    ben.must("timer:start", json!(60)).await;
    assert_eq!(ann.next_of("timer:state").await["isRunning"], true);
}

#[tokio::test]
async fn zero_comes_once_and_on_time_though_the_rooms_node_is_dead() {
    let redis = RedisServer::start();
    let (mut one, two) = (Node::start_over(&redis, "a").await, Node::start_over(&redis, "b").await);
    let (mut ann, room) = SocketIo::host(one.public).await;
    let (mut ben, _) = SocketIo::guest(two.public, &room).await;
    let ends_at = ends_at(&ann.must("timer:start", json!(3)).await);
    one.kill();
    comes_to_zero(&mut ben, ends_at, Duration::from_secs(1)).await;
}

#[tokio::test]
async fn zero_comes_once_and_on_time_though_the_leader_is_killed_in_that_second() {
    let redis = RedisServer::start();
    let mut nodes = [Node::start_over(&redis, "a").await, Node::start_over(&redis, "b").await];
    if nodes[0].get_internal("/cluster").await.json()["leader"] == "b" {
        nodes.reverse();
    }
    let [mut leader, follower] = nodes;
    let (mut ann, _) = SocketIo::host(follower.public).await;
    let ends_at = ends_at(&ann.must("timer:start", json!(3)).await);
    while ann.next_of("timer:tick").await["remainingTime"] != 1 {}
    leader.kill();
    // Who takes over has to miss a beat first.
    comes_to_zero(&mut ann, ends_at, Duration::from_secs(2)).await;
}

#[tokio::test]
async fn zero_that_falls_into_an_outage_comes_once_when_redis_is_back() {
    let mut redis = RedisServer::start_with(&DURABLE);
    let (one, two) = (Node::start_over(&redis, "a").await, Node::start_over(&redis, "b").await);
    let (mut ann, room) = SocketIo::host(one.public).await;
    let (mut ben, _) = SocketIo::guest(two.public, &room).await;
    let ends_at = ends_at(&ann.must("timer:start", json!(2)).await);
    redis.kill();
    // Displays go on to the last second, and nothing is told that is not so.
    while ann.next_of("timer:tick").await["remainingTime"] != 1 {}
    let over = Instant::now() + Duration::from_secs(2);
    tokio::time::sleep_until(over.into()).await; // tidy: allow: the outage outlasts zero
    redis.start_again();
    for person in [&mut ann, &mut ben] {
        comes_to_zero(person, ends_at, NOTICED_WITHIN).await;
    }
}

#[tokio::test]
async fn a_countdown_ends_with_nobody_there() {
    let redis = RedisServer::start();
    let (mut one, two) = (Node::start_over(&redis, "a").await, Node::start_over(&redis, "b").await);
    let (mut ann, room) = SocketIo::host(one.public).await;
    ann.must("timer:start", json!(2)).await;
    one.kill();
    wait_until("the countdown to be over", async || {
        let (_, joined) = SocketIo::guest(two.public, &room).await;
        joined["state"]["isRunning"] == false && joined["state"]["remainingTime"] == 2
    })
    .await;
}

#[tokio::test]
async fn a_member_who_is_lost_while_redis_is_away_leaves_when_it_is_back() {
    let mut redis = RedisServer::start_with(&DURABLE);
    let settings = [("store.url", redis.url()), ("rooms.lost_for", "1s".to_owned())];
    let settings = settings.each_ref().map(|(key, value)| (*key, value.as_str()));
    let (one, two) = (Node::start_with(&settings).await, Node::start_with(&settings).await);
    let (mut ann, room) = SocketIo::host(one.public).await;
    let (ben, joined) = SocketIo::guest(two.public, &room).await;
    ann.next_of("session:user-joined").await;
    redis.kill();
    wait_until("it to be noticed", async || two.get_internal("/readyz").await.status == 503).await;
    drop(ben);
    let mut cem = SocketIo::connect(two.public).await;
    assert_eq!(cem.ask("session:join", json!(room)).await["error"]["code"], "UNAVAILABLE");
    assert_eq!(ann.ask("timer:start", json!(5)).await["error"]["code"], "UNAVAILABLE");
    redis.start_again();
    ann.client.patience = NOTICED_WITHIN;
    assert_eq!(ann.next_of("session:user-left").await["client"]["id"], joined["clientId"]);
    wait_until("the room to be open again", async || {
        let mut late = SocketIo::connect(two.public).await;
        late.ask("session:join", json!(room)).await["error"].is_null()
    })
    .await;
}

#[tokio::test]
async fn fifty_members_on_two_nodes_press_at_random_and_see_the_same_in_the_same_order() {
    const MEMBERS: usize = 50;
    const PRESS_FOR: Duration = Duration::from_secs(3);
    let redis = RedisServer::start();
    let nodes = [Node::start_over(&redis, "a").await, Node::start_over(&redis, "b").await];
    let (ann, room) = SocketIo::host(nodes[0].public).await;
    let mut members = JoinSet::new();
    let over = Instant::now() + PRESS_FOR;
    for nth in 0..MEMBERS {
        let (mut member, joined) = SocketIo::guest(nodes[nth % 2].public, &room).await;
        members.spawn(async move {
            let mut seen = joined["state"]["rev"].as_u64().unwrap();
            for press in 0.. {
                if Instant::now() > over {
                    break;
                }
                // A pattern of its own for each, without a state of its own.
                let command = ["timer:start", "timer:pause", "timer:resume", "timer:reset"][(press * 7 + nth) % 4];
                let answer = member.ask(command, json!({})).await;
                // Too much may be going on; nothing else is wrong.
                assert!(answer["error"].is_null() || answer["error"]["code"] == "UNAVAILABLE", "{answer}");
            }
            // All that it was told, up to a word of its own.
            let last = member.must("session:join", joined["sessionId"].clone()).await;
            loop {
                let (name, payload) = member.next().await;
                if name == "timer:state" {
                    let rev = payload["rev"].as_u64().unwrap();
                    assert!(rev >= seen, "{rev} after {seen}");
                    seen = rev;
                }
                if name == "session:joined" && payload == last {
                    return member;
                }
            }
        });
    }
    let mut members = members.join_all().await;
    // The host has not read meanwhile.
    drop(ann);
    let (mut late, _) = SocketIo::guest(nodes[0].public, &room).await;
    let after = late.must("timer:start", json!({ "duration": 77 })).await;
    for member in &mut members {
        let state = loop {
            let state = member.next_of("timer:state").await;
            // Not told by its revision: the loss of the host may be shown together with it, or after it.
            if state["duration"] == 77 {
                break state;
            }
        };
        assert_eq!(state["endsAt"], after["endsAt"]);
    }
}

#[tokio::test]
async fn a_hundred_who_come_at_once_are_each_told_of_all_who_come_after() {
    const MEMBERS: usize = 100;
    let redis = RedisServer::start();
    let nodes = [Node::start_over(&redis, "a").await, Node::start_over(&redis, "b").await];
    let (mut ann, room) = SocketIo::host(nodes[0].public).await;
    let mut coming = JoinSet::new();
    for nth in 0..MEMBERS {
        let (port, room) = (nodes[nth % 2].public, room.clone());
        coming.spawn(async move {
            let mut member = SocketIo::connect(port).await;
            let joined = member.must("session:join", json!(room)).await;
            (member, joined)
        });
    }
    let come = coming.join_all().await;
    let names: BTreeSet<&str> = come.iter().map(|(_, joined)| joined["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), MEMBERS, "each has a name of their own");
    let mut told = BTreeSet::new();
    while told.len() < MEMBERS {
        let news = ann.next_of("session:user-joined").await;
        assert!(told.insert(news["client"]["id"].as_str().unwrap().to_owned()), "told twice: {news}");
        assert!(news["clients"].as_array().unwrap().len() <= 100);
    }
    let mut last = SocketIo::connect(nodes[1].public).await;
    assert_eq!(last.must("session:join", json!(room)).await["count"], MEMBERS + 2);
}

/// Follows a countdown to its end and a little further.
async fn comes_to_zero(person: &mut SocketIo, ends_at: u64, within: Duration) {
    person.client.patience = within + Duration::from_secs(10);
    let mut remaining = u64::MAX;
    let end = Instant::now() + person.client.patience;
    loop {
        assert!(Instant::now() < end, "no zero in time");
        let (name, payload) = person.next().await;
        if name == "timer:tick" {
            let now = payload["remainingTime"].as_u64().unwrap();
            assert!(now < remaining, "{now} after {remaining}");
            remaining = now;
        }
        if name == "timer:completed" {
            assert_eq!(payload["completedAt"], ends_at);
            break;
        }
    }
    assert_eq!(remaining, 0, "zero is shown");
    let late = now_ms().saturating_sub(ends_at);
    assert!(u128::from(late) < within.as_millis(), "{late} ms late");
    let state = person.next_of("timer:state").await;
    assert_eq!((&state["isRunning"], &state["isPaused"]), (&json!(false), &json!(false)));
    assert_eq!(state["remainingTime"], state["duration"]);
    let again = person.must("timer:pause", json!({})).await;
    loop {
        let (name, payload) = person.next().await;
        assert_ne!(name, "timer:completed", "it comes once");
        if payload == again {
            return;
        }
    }
}

fn ends_at(state: &Value) -> u64 {
    state["endsAt"].as_u64().unwrap()
}

fn now_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    now.as_millis().try_into().unwrap()
}
