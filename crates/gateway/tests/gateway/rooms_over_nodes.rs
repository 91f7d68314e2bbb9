//! Rooms on several nodes: delivery of events, and the death of a node or of Redis.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use harness::{DURABLE, Node, Pipe, Proxy, RedisServer, SocketIo, wait_until};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Time within which the remaining members are told of the death of a node (the Rooms contract).
const NOTICED_WITHIN: Duration = Duration::from_secs(15);

#[tokio::test]
async fn members_of_a_dead_node_leave_once_unless_they_return() {
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
    ann.client.timeout = NOTICED_WITHIN;
    let left = ann.next_of("session:user-left").await;
    assert!(died.elapsed() < NOTICED_WITHIN);
    assert_eq!((&left["client"]["id"], &left["count"]), (&ben["clientId"], &json!(2)));
    back.must("timer:start", json!(60)).await;
    assert_eq!(ann.next().await.0, "timer:state", "no other member has left");
}

#[tokio::test]
async fn members_of_a_node_presumed_dead_rejoin_and_are_notified() {
    let redis = RedisServer::start();
    let (one, two) = (Node::start_over(&redis, "a").await, Node::start_over(&redis, "b").await);
    let (mut ann, room) = SocketIo::host(two.public).await;
    let (mut ben, before) = SocketIo::guest(one.public, &room).await;
    ann.next_of("session:user-joined").await;
    one.freeze();
    ann.client.timeout = NOTICED_WITHIN;
    assert_eq!(ann.next_of("session:user-left").await["client"]["id"], before["clientId"]);
    one.thaw();
    assert_eq!(ben.next_of("session:joined").await, before);
    let after = loop {
        let (name, payload) = ben.next().await;
        if name == "session:joined" {
            break payload;
        }
        assert_ne!(name, "session:user-joined", "a member never receives its own user-joined: {payload}");
    };
    assert_eq!(after["name"], before["name"]);
    assert_eq!(ann.next_of("session:user-joined").await["client"]["id"], after["clientId"]);
    ben.must("timer:start", json!(60)).await;
    assert_eq!(ann.next_of("timer:state").await["isRunning"], true);
}

#[tokio::test]
async fn the_end_of_a_countdown_is_sent_once_and_on_time_although_its_node_is_dead() {
    let redis = RedisServer::start();
    let (mut one, two) = (Node::start_over(&redis, "a").await, Node::start_over(&redis, "b").await);
    let (mut ann, room) = SocketIo::host(one.public).await;
    let (mut ben, _) = SocketIo::guest(two.public, &room).await;
    let ends_at = ends_at(&ann.must("timer:start", json!(3)).await);
    one.kill();
    follow_to_zero(&mut ben, ends_at, Duration::from_secs(1)).await;
}

#[tokio::test]
async fn the_end_of_a_countdown_is_sent_once_and_on_time_although_the_leader_is_killed_in_that_second() {
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
    // The next leader takes over only after a missing beat.
    follow_to_zero(&mut ann, ends_at, Duration::from_secs(2)).await;
}

#[tokio::test]
async fn the_end_of_a_countdown_during_an_outage_is_sent_once_when_redis_returns() {
    let mut redis = RedisServer::start_with(&DURABLE);
    let (one, two) = (Node::start_over(&redis, "a").await, Node::start_over(&redis, "b").await);
    let (mut ann, room) = SocketIo::host(one.public).await;
    let (mut ben, _) = SocketIo::guest(two.public, &room).await;
    let ends_at = ends_at(&ann.must("timer:start", json!(2)).await);
    redis.kill();
    // Displays continue to the last second, and no false event is sent.
    while ann.next_of("timer:tick").await["remainingTime"] != 1 {}
    let over = Instant::now() + Duration::from_secs(2);
    tokio::time::sleep_until(over.into()).await; // tidy: allow: the outage outlasts zero
    redis.restart();
    for person in [&mut ann, &mut ben] {
        follow_to_zero(person, ends_at, NOTICED_WITHIN).await;
    }
}

#[tokio::test]
async fn a_countdown_ends_in_an_empty_room() {
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
async fn a_member_lost_during_a_redis_outage_leaves_when_redis_returns() {
    let mut redis = RedisServer::start_with(&DURABLE);
    let settings = [("store.url", redis.url()), ("rooms.reconnect_within", "1s".to_owned())];
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
    redis.restart();
    ann.client.timeout = NOTICED_WITHIN;
    assert_eq!(ann.next_of("session:user-left").await["client"]["id"], joined["clientId"]);
    wait_until("the room to be open again", async || {
        let mut late = SocketIo::connect(two.public).await;
        late.ask("session:join", json!(room)).await["error"].is_null()
    })
    .await;
}

#[tokio::test]
async fn fifty_members_on_two_nodes_send_random_commands_and_see_the_same_events_in_order() {
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
                // Each client has a pattern of its own, without state.
                let command = ["timer:start", "timer:pause", "timer:resume", "timer:reset"][(press * 7 + nth) % 4];
                let answer = member.ask(command, json!({})).await;
                // The only permitted failure: too many concurrent commands.
                assert!(answer["error"].is_null() || answer["error"]["code"] == "UNAVAILABLE", "{answer}");
            }
            // All messages up to a marker of its own.
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
    // The host has not read any message meanwhile.
    drop(ann);
    let (mut late, _) = SocketIo::guest(nodes[0].public, &room).await;
    let after = late.must("timer:start", json!({ "duration": 77 })).await;
    for member in &mut members {
        let state = loop {
            let state = member.next_of("timer:state").await;
            // Its revision cannot tell: the loss of the host may be shown together with it, or after it.
            if state["duration"] == 77 {
                break state;
            }
        };
        assert_eq!(state["endsAt"], after["endsAt"]);
    }
}

#[tokio::test]
async fn a_hundred_simultaneous_members_are_each_told_of_all_later_ones() {
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
    let mut announced = BTreeSet::new();
    while announced.len() < MEMBERS {
        let news = ann.next_of("session:user-joined").await;
        assert!(announced.insert(news["client"]["id"].as_str().unwrap().to_owned()), "announced twice: {news}");
        assert!(news["clients"].as_array().unwrap().len() <= 100);
    }
    let mut last = SocketIo::connect(nodes[1].public).await;
    assert_eq!(last.must("session:join", json!(room)).await["count"], MEMBERS + 2);
}

/// Follows a countdown to its end and a little further.
async fn follow_to_zero(person: &mut SocketIo, ends_at: u64, within: Duration) {
    person.client.timeout = within + Duration::from_secs(10);
    let mut remaining = u64::MAX;
    let end = Instant::now() + person.client.timeout;
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

/// Whether the end of a countdown or the removal of the member is noticed first is a race in each connection.
#[tokio::test]
async fn members_of_a_node_that_was_cut_off_are_told_of_a_countdown_that_ended_meanwhile() {
    const ROOMS: usize = 12;
    let redis = RedisServer::start();
    let proxy = Proxy::start(redis.port()).await;
    let link = format!("redis://127.0.0.1:{}", proxy.port());
    let one = Node::start_with(&[("store.url", &link), ("node.id", "a")]).await;
    let two = Node::start_over(&redis, "b").await;
    let mut rooms = Vec::new();
    for _ in 0..ROOMS {
        let (mut ann, room) = SocketIo::host(two.public).await;
        let (ben, before) = SocketIo::guest(one.public, &room).await;
        let ends_at = ends_at(&ann.must("timer:start", json!(2)).await);
        rooms.push((ann, ben, before, ends_at));
    }
    for (_, ben, ..) in &mut rooms {
        while ben.next_of("timer:state").await["isRunning"] != true {}
    }
    proxy.set(Pipe::Dropped, Pipe::Dropped);
    for (ann, ..) in &mut rooms {
        ann.client.timeout = NOTICED_WITHIN;
        ann.next_of("timer:completed").await;
        ann.next_of("session:user-left").await;
    }
    proxy.heal();
    for (_, mut ben, before, ends_at) in rooms {
        ben.client.timeout = NOTICED_WITHIN;
        let (mut completed, mut is_back) = (Vec::new(), false);
        // The greeting of the new membership ends with the state.
        loop {
            let (name, payload) = ben.next().await;
            match name.as_str() {
                "timer:completed" => completed.push(payload["completedAt"].clone()),
                "session:joined" => is_back |= payload["clientId"] != before["clientId"],
                "timer:state" if is_back => break,
                _ => {}
            }
        }
        assert_eq!(completed, [json!(ends_at)], "exactly once");
    }
}
