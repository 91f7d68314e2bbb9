//! Rooms on one node: joining, leaving, and refused clients.

use std::time::{Duration, Instant};

use harness::http::UPGRADE;
use harness::{Client, DEADLINE, NO_MESSAGE_LIMIT, Node, SocketIo, wait_until};
use serde_json::{Value, json};
use tokio::time::timeout;

#[tokio::test]
async fn a_lost_connection_removes_its_member_only_after_the_grace_period() {
    let node = Node::start_with(&[("rooms.reconnect_within", "2s")]).await;
    let (mut ann, room) = SocketIo::host(node.public).await;
    let (ben, _) = SocketIo::guest(node.public, &room).await;
    ann.next_of("session:user-joined").await;
    drop(ben);
    let lost = Instant::now();
    assert_eq!(ann.next_of("session:user-left").await["client"]["name"], "User 2");
    assert!(lost.elapsed() > Duration::from_millis(1900), "{:?}", lost.elapsed());
}

#[tokio::test]
async fn an_orderly_disconnect_removes_the_member_at_once() {
    let node = Node::start_with(&[("rooms.reconnect_within", "1h")]).await;
    let (mut ann, room) = SocketIo::host(node.public).await;
    let (mut ben, _) = SocketIo::guest(node.public, &room).await;
    ann.next_of("session:user-joined").await;
    ben.say("41").await;
    assert_eq!(ann.next_of("session:user-left").await["client"]["name"], "User 2");
}

#[tokio::test]
async fn a_resumed_membership_is_not_announced_and_the_old_connection_is_notified() {
    let node = Node::start().await;
    let (mut ann, room) = SocketIo::host(node.public).await;
    let (mut ben, before) = SocketIo::guest(node.public, &room).await;
    ann.next_of("session:user-joined").await;
    let mut again = SocketIo::connect(node.public).await;
    let after = again.must("session:join", json!({ "sessionId": room, "resume": before["resume"] })).await;
    for same in ["clientId", "name", "resume", "count"] {
        assert_eq!(after[same], before[same], "{same}");
    }
    assert_eq!(ben.next_of("error").await["code"], "NOT_JOINED");
    assert_eq!(ben.ask("timer:start", json!(60)).await["error"]["code"], "NOT_JOINED");
    drop(ben);
    again.must("timer:start", json!({ "duration": 60 })).await;
    assert_eq!(ann.next().await.0, "timer:state", "no member has joined or left");
}

#[tokio::test]
async fn one_connection_is_one_member_of_one_room() {
    let node = Node::start().await;
    let (mut ann, room) = SocketIo::host(node.public).await;
    let (mut ben, first) = SocketIo::guest(node.public, &room).await;
    ann.next_of("session:user-joined").await;
    let twice = ben.must("session:join", json!(room)).await;
    assert_eq!((&twice["clientId"], &twice["count"]), (&first["clientId"], &json!(2)));
    let other = ben.must("session:create", json!({ "name": "Ben" })).await;
    assert_ne!(other["sessionId"], json!(room));
    let (name, gone) = ann.next().await;
    assert_eq!((name.as_str(), &gone["client"]["id"]), ("session:user-left", &first["clientId"]));
    // Joining an unknown room fails, and the client stays in the first.
    assert_eq!(ben.ask("session:join", json!("nowhere")).await["error"]["code"], "SESSION_NOT_FOUND");
    assert_eq!(ben.must("timer:start", json!(60)).await["sessionId"], other["sessionId"]);
    let refused = ben.ask("timer:pause", json!({ "sessionId": room })).await;
    assert_eq!(refused["error"]["code"], "NOT_JOINED");
}

#[tokio::test]
async fn a_full_room_refuses_new_members_and_a_member_can_still_return() {
    let node = Node::start_with(&[("rooms.members", "2")]).await;
    let (_ann, room) = SocketIo::host(node.public).await;
    let (_ben, joined) = SocketIo::guest(node.public, &room).await;
    let mut cem = SocketIo::connect(node.public).await;
    let refused = cem.ask("session:join", json!(room)).await;
    assert_eq!(refused["error"]["code"], "ROOM_FULL");
    assert!(refused["error"]["message"].as_str().unwrap().contains("2 members"), "{refused}");
    cem.must("session:join", json!({ "sessionId": room, "resume": joined["resume"] })).await;
}

#[tokio::test]
async fn an_empty_room_exists_for_a_while_and_as_long_as_its_countdown_runs() {
    let node = Node::start_with(&[("rooms.empty_for", "1s")]).await;
    let (mut ann, room) = SocketIo::host(node.public).await;
    ann.must("timer:start", json!(3)).await;
    ann.must("session:leave", Value::Null).await;
    let began = Instant::now();
    let (mut ben, _) = SocketIo::guest(node.public, &room).await;
    ben.must("session:leave", Value::Null).await;
    wait_until("the room to end", async || {
        let mut visitor = SocketIo::connect(node.public).await;
        let answer = visitor.ask("session:join", json!(room)).await;
        if answer["error"].is_null() {
            visitor.must("session:leave", Value::Null).await;
        }
        // Each join restarts the time limit, so no client joins while it must expire.
        answer["error"]["code"] == "SESSION_NOT_FOUND" || {
            tokio::time::sleep(Duration::from_millis(1300)).await; // tidy: allow: looking in keeps the room alive
            false
        }
    })
    .await;
    assert!(began.elapsed() > Duration::from_secs(3), "it ran: {:?}", began.elapsed());
}

#[tokio::test]
async fn without_anonymous_access_a_token_is_required() {
    let settings = [("socketio.anonymous", "false"), ("auth.modes", "jwt"), ("auth.jwt.secret", "a secret of sixteen")];
    let node = Node::start_with(&[&settings[..], &[("auth.tokens", "opaque=ann")]].concat()).await;
    let mut client = SocketIo::open(node.public, "").await;
    for refused in ["40", r#"40{"token":"wrong"}"#, "40nonsense", r#"40{"token":5}"#] {
        client.say(refused).await;
        assert_eq!(client.text().await, r#"44{"message":"Unauthorized"}"#, "{refused}");
    }
    client.say(r#"40{"token":"opaque"}"#).await;
    assert!(client.text().await.starts_with(r#"40{"sid":""#));
    client.must("session:create", Value::Null).await;
    let mut by_query = SocketIo::open(node.public, "&token=opaque").await;
    by_query.say("40").await;
    assert!(by_query.text().await.starts_with(r#"40{"sid":""#));
}

#[tokio::test]
async fn a_protocol_violation_closes_the_connection_with_its_code() {
    let node = Node::start_with(&[("limits.request_within", "1s")]).await;
    for before_coming_in in [r#"42["session:create"]"#, "41", "43", "x"] {
        let mut client = SocketIo::open(node.public, "").await;
        client.say(&format!("4{}", before_coming_in.trim_start_matches('4'))).await;
        assert_eq!(closed(&mut client).await.0, 1002, "{before_coming_in}");
    }
    let mut twice = SocketIo::connect(node.public).await;
    twice.say("40").await;
    assert_eq!(closed(&mut twice).await.0, 1002);
    let mut elsewhere = SocketIo::open(node.public, "").await;
    elsewhere.say("40/admin,").await;
    assert_eq!(elsewhere.text().await, r#"44/admin,{"message":"Invalid namespace"}"#);
    let mut silent = SocketIo::open(node.public, "").await;
    assert_eq!(closed(&mut silent).await.0, 1002, "who never comes in");
}

#[tokio::test]
async fn an_unknown_session_or_protocol_is_answered_as_engine_io_specifies() {
    let node = Node::start().await;
    for (query, code) in [
        ("EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAA", 1),
        ("EIO=4&transport=polling&sid=short", 1),
        ("EIO=4&transport=websocket&sid=AAAAAAAAAAAAAAAA", 1),
        ("EIO=3&transport=polling", 5),
        ("EIO=4%20&transport=polling", 5),
        ("EIO=4&transport=websocket=", 0),
        ("EIO=4&transport=smoke", 0),
        ("EIO=4", 0),
    ] {
        let answer = node.get(&format!("/socket.io/?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert_eq!(answer.json()["code"].to_string().trim_matches('"'), code.to_string(), "{query}: {answer:?}");
    }
    let off = Node::start_with(&[("rooms.enabled", "false"), ("studio.enabled", "false")]).await;
    assert_eq!(off.get("/socket.io/?EIO=4&transport=polling").await.status, 404);
}

#[tokio::test]
async fn a_shutdown_closes_engine_io_and_advises_when_to_reconnect() {
    let mut node = Node::start_with(&[("drain.notice", "0s"), ("drain.grace", "300ms")]).await;
    let (mut ann, _) = SocketIo::host(node.public).await;
    node.signal("TERM");
    let (code, reason) = closed(&mut ann).await;
    assert_eq!(code, 1012);
    assert!(serde_json::from_str::<Value>(&reason).unwrap()["reconnectAfterMs"].is_u64(), "{reason}");
    assert!(node.ended().await.success());
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed_and_delays_no_other_client() {
    let node = Node::start_with(&[NO_MESSAGE_LIMIT]).await;
    let (mut ann, room) = SocketIo::host(node.public).await;
    let (ben, _) = SocketIo::guest(node.public, &room).await;
    let mut frozen = ben.client.into_tcp();
    let name = "x".repeat(80);
    let end = Instant::now() + DEADLINE;
    let mut rounds = 0;
    // Each join and leave is announced to the others; the client that does not read is closed in the end.
    let mut visitor = SocketIo::connect(node.public).await;
    loop {
        visitor.must("session:join", json!({ "sessionId": room, "name": name })).await;
        visitor.must("session:leave", Value::Null).await;
        ann.next_of("session:user-left").await;
        rounds += 1;
        if node.metrics().await.must("tickcast_connections_closed_total", &[("code", "4408")]) == 1.0 {
            break;
        }
        assert!(Instant::now() < end, "after {rounds} rounds");
    }
    assert_eq!(ann.next_of("session:user-left").await["client"]["name"], "User 2");
    // The client drains the kernel buffer until it sees the end.
    let mut sink = Vec::new();
    timeout(DEADLINE, tokio::io::AsyncReadExt::read_to_end(&mut frozen, &mut sink)).await.unwrap().ok();
}

#[tokio::test]
async fn a_client_that_stops_polling_is_closed_and_delays_no_other_client() {
    let node = Node::start_with(&[NO_MESSAGE_LIMIT]).await;
    let (mut ann, room) = SocketIo::host(node.public).await;
    let path = poll_into(&node, &room).await;
    ann.next_of("session:user-joined").await;
    let end = Instant::now() + DEADLINE;
    // Each command produces a message for it, which it does not fetch.
    while node.metrics().await.must("tickcast_connections_closed_total", &[("code", "4408")]) < 1.0 {
        ann.must("timer:start", json!(60)).await;
        assert!(Instant::now() < end, "the connection is not closed");
    }
    let late = node.get(&path).await;
    assert_eq!((late.status, late.json()["code"].as_u64()), (400, Some(1)), "{late:?}");
}

#[tokio::test]
async fn a_slow_poller_gets_the_latest_state_and_never_an_older_one() {
    const PRESSES: usize = 200;
    let node = Node::start().await;
    let (mut ann, room) = SocketIo::host(node.public).await;
    let path = poll_into(&node, &room).await;
    let mut last = Value::Null;
    for _ in 0..PRESSES {
        last = ann.must("timer:start", json!(60)).await;
    }
    let mut revisions = Vec::new();
    while revisions.last() != Some(&last["rev"].as_u64().unwrap()) {
        let packets = node.get(&path).await.body;
        for event in packets.split('\u{1e}').filter_map(|packet| packet.strip_prefix("42")) {
            let (name, payload): (String, Value) = serde_json::from_str(event).unwrap();
            if name == "timer:state" {
                revisions.push(payload["rev"].as_u64().unwrap());
            }
        }
    }
    assert!(revisions.is_sorted() && revisions.len() < PRESSES / 2, "{revisions:?}");
}

#[tokio::test]
async fn a_ping_is_sent_even_if_the_queue_is_full() {
    let node = Node::start_with(&[("heartbeat.every", "1s")]).await;
    let (mut ann, room) = SocketIo::host(node.public).await;
    let path = poll_into(&node, &room).await;
    let pings = |packets: &str| packets.split('\u{1e}').filter(|packet| *packet == "2").count();
    // The first ping arrives at once; the next one finds a full queue.
    while pings(&node.get(&path).await.body) == 0 {}
    assert_eq!(node.http("POST", &path, &[], b"3").await.body, "ok");
    for _ in 0..100 {
        ann.must("timer:start", json!(60)).await;
    }
    tokio::time::sleep(Duration::from_millis(2500)).await; // tidy: allow: nothing is fetched while pings are due
    let fetched = node.get(&path).await;
    assert_eq!(fetched.status, 200, "{fetched:?}");
    assert_eq!(pings(&fetched.body), 1, "{}", fetched.body);
}

#[tokio::test]
async fn a_client_that_vanishes_during_the_upgrade_is_removed() {
    let node = Node::start_with(&[("rooms.reconnect_within", "1s")]).await;
    let (mut ann, room) = SocketIo::host(node.public).await;
    let path = poll_into(&node, &room).await.replace("polling", "websocket");
    ann.next_of("session:user-joined").await;
    let invalid = node.http("GET", &path, &UPGRADE[..3], b"").await;
    assert_eq!(invalid.status, 426, "an invalid attempt prevents no valid one: {invalid:?}");
    let mut half = Client::connect(node.public, &path).await;
    half.say("2probe").await;
    assert_eq!(half.next_text().await, "3probe");
    let second = node.http("GET", &path, &UPGRADE, b"").await;
    assert_eq!(second.status, 400, "one WebSocket is enough: {second:?}");
    drop(half);
    ann.next_of("session:user-left").await;
}

#[tokio::test]
async fn the_advertised_size_limit_is_enforced_over_each_transport() {
    let node = Node::start_with(&[("limits.message_bytes", "2000")]).await;
    let mut direct = Client::connect(node.public, "/socket.io/?EIO=4&transport=websocket").await;
    let open = direct.next_text().await;
    let open: Value = serde_json::from_str(open.strip_prefix('0').unwrap()).unwrap();
    assert_eq!((&open["maxPayload"], &open["upgrades"]), (&json!(2000), &json!([])));
    direct.say("40").await;
    direct.next_text().await;
    direct.say(&"4".repeat(2001)).await;
    assert_eq!(direct.closed().await.0, 4413);
    let open = opened(&node).await;
    assert_eq!(open["maxPayload"], 2000);
    let path = polling(&open);
    assert_eq!(node.http("POST", &path, &[], "4".repeat(2001).as_bytes()).await.status, 413);
    wait_until("it is closed", async || node.get(&path).await.body.contains("Session ID unknown")).await;
}

#[tokio::test]
async fn a_missing_body_times_out() {
    let node = Node::start_with(&[("limits.request_within", "500ms")]).await;
    let path = polling(&opened(&node).await);
    let mut tcp = tokio::net::TcpStream::connect(("127.0.0.1", node.public)).await.unwrap();
    let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n40");
    tokio::io::AsyncWriteExt::write_all(&mut tcp, head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut tcp, &mut answer);
    timeout(DEADLINE, read).await.expect("an end in time").unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn connections_of_one_user_are_limited_and_the_refusal_cannot_be_bypassed() {
    let settings = [("auth.tokens", "opaque=ann"), ("limits.connections_per_user", "1"), ("limits.connections", "3")];
    let node = Node::start_with(&settings).await;
    let mut one = SocketIo::open(node.public, "").await;
    one.say(r#"40{"token":"opaque"}"#).await;
    assert!(one.text().await.starts_with(r#"40{"sid":""#));
    let mut two = SocketIo::open(node.public, "").await;
    two.say(r#"40{"token":"opaque"}"#).await;
    assert_eq!(two.text().await, r#"44{"message":"Too many connections"}"#);
    two.say("40").await;
    assert!(two.text().await.starts_with(r#"40{"sid":""#), "guests are admitted");
    let _three = SocketIo::open(node.public, "").await;
    let full = node.get("/socket.io/?EIO=4&transport=polling").await;
    assert_eq!(full.status, 503, "each of them has a seat: {full:?}");
    assert!(full.header("retry-after").is_some());
}

#[tokio::test]
async fn rooms_and_members_are_measured() {
    let node = Node::start().await;
    let (_ann, room) = SocketIo::host(node.public).await;
    let (_ben, _) = SocketIo::guest(node.public, &room).await;
    let (_cem, _) = SocketIo::host(node.public).await;
    let metrics = node.metrics().await;
    for (figure, count) in [("tickcast_rooms", 2.0), ("tickcast_members", 3.0), ("tickcast_connections", 3.0)] {
        assert_eq!(metrics.must(figure, &[]), count, "{figure}");
    }
}

/// Opens a long-polling session and returns the handshake packet.
pub(super) async fn opened(node: &Node) -> Value {
    let open = node.get("/socket.io/?EIO=4&transport=polling").await.body;
    serde_json::from_str(open.strip_prefix('0').unwrap()).unwrap()
}

pub(super) fn polling(open: &Value) -> String {
    format!("/socket.io/?EIO=4&transport=polling&sid={}", open["sid"].as_str().unwrap())
}

/// Joins a room by long polling without fetching messages; returns the path to poll.
async fn poll_into(node: &Node, room: &str) -> String {
    let path = polling(&opened(node).await);
    let join = format!("40\u{1e}42{}", json!(["session:join", room]));
    assert_eq!(node.http("POST", &path, &[], join.as_bytes()).await.body, "ok");
    path
}

/// Waits for the close frame.
async fn closed(client: &mut SocketIo) -> (u16, String) {
    client.client.closed().await
}
