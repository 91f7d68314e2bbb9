//! Events from the admission of a socket to its end.

use harness::{Node, RedisServer, SocketIo, WebSession};
use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
use serde_json::{Value, json};

use super::member::{ADJUST, Member, START, STOP, after, start, start_over};

const SECRET: &str = "a secret of sixteen bytes";

#[tokio::test]
async fn no_event_is_missed_between_the_admission_and_a_start_that_follows_at_once() {
    const ROUNDS: u32 = 200;
    let redis = RedisServer::start();
    let (one, two) = (start_over(&redis, "a").await, start_over(&redis, "b").await);
    for round in 1..=ROUNDS {
        // Every other round, the start is the first thing that ever happens to the organisation.
        let organization = if round % 2 == 0 { 1 } else { 1000 + round };
        let (ann, ben) = (Member::new(&one, 1, organization), Member::new(&two, 2, organization));
        let mut socket = if round % 4 < 2 { ann.socket().await } else { ann.at(&two).socket().await };
        let entry = ben.start(round).await;
        let (name, payload) = socket.next().await;
        assert_eq!((name.as_str(), &payload["timeEntryId"]), ("timer:started", &entry["id"]), "round {round}");
    }
}

#[tokio::test]
async fn the_events_of_a_batch_arrive_in_its_order() {
    let redis = RedisServer::start();
    let (one, two) = (start_over(&redis, "a").await, start_over(&redis, "b").await);
    let (ann, ben) = (Member::new(&one, 1, 1), Member::new(&two, 2, 1));
    let mut sockets = [ann.socket().await, ben.socket().await];
    let path =
        ["timer.start", "timer.stop", "timer.start", "timer.stop"].map(|name| format!("timeTracking.{name}")).join(",");
    let body = json!({
        "0": { "taskTypeId": 2, "sessionId": 1 }, "1": { "timeEntryId": 1 },
        "2": { "taskTypeId": 2, "sessionId": 1 }, "3": { "timeEntryId": 2 },
    });
    let headers = [super::member::JSON];
    let answer = ann.send("POST", &format!("{path}?batch=1"), &headers, body.to_string().as_bytes()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    for socket in &mut sockets {
        for (name, id) in [("timer:started", 1), ("timer:stopped", 1), ("timer:started", 2), ("timer:stopped", 2)] {
            let (received, payload) = socket.next().await;
            assert_eq!((received.as_str(), &payload["timeEntryId"]), (name, &json!(id)));
        }
    }
}

#[tokio::test]
async fn the_actors_socket_has_the_event_when_the_answer_arrives() {
    let node = start(&[]).await;
    let ann = Member::new(&node, 1, 1);
    let mut socket = ann.socket().await;
    // The two connections are read independently, so the order is seen by a request over the socket that follows.
    for session in 1..=100 {
        let entry = ann.start(session).await;
        let refused = socket.ask("no:such", json!({})).await;
        assert!(refused["error"].is_object(), "{refused}");
        let pending = socket.take_pending();
        let (name, payload) = &pending[0];
        assert_eq!((name.as_str(), &payload["timeEntryId"]), ("timer:started", &entry["id"]));
        assert_eq!(pending.iter().filter(|(name, _)| name == "timer:started").count(), 1);
    }
}

#[tokio::test]
async fn a_socket_that_leaves_the_namespace_and_returns_receives_later_events_once() {
    let node = start(&[]).await;
    let (ann, ben) = (Member::new(&node, 1, 1), Member::new(&node, 2, 1));
    let mut socket = ann.socket().await;
    for session in 1..=20 {
        socket.say("41").await;
        let away = ben.start(session).await;
        socket.say("40").await;
        // The start can be carried out before the socket has left.
        while !socket.text().await.starts_with("40{") {}
        ben.stop(&away).await;
        let (name, payload) = socket.next().await;
        assert_eq!((name.as_str(), &payload["timeEntryId"]), ("timer:stopped", &away["id"]));
    }
}

/// Opens a socket with a token and returns it admitted.
async fn with_token(node: &Node, user: &str, organization: u32) -> SocketIo {
    SocketIo::connect_as(node.public, &json!({ "token": token(user, organization) })).await
}

fn token(user: &str, organization: u32) -> String {
    let claims = json!({ "sub": user, "org_id": organization, "exp": get_current_timestamp() + 600 });
    encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

#[tokio::test]
async fn a_guest_uses_rooms_and_receives_nothing_of_any_organization_until_it_logs_in() {
    let settings = [
        ("auth.modes", "jwt"),
        ("auth.jwt.secret", SECRET),
        ("auth.test_headers", "true"),
        ("socketio.anonymous", "true"),
        ("store.url", "memory://"),
    ];
    let node = Node::start_with(&settings).await;
    let ann = Member::new(&node, 1, 7);
    let mut guest = SocketIo::connect(node.public).await;
    let entry = ann.start(1).await;
    let room = guest.must("session:create", json!({})).await;
    assert!(room["sessionId"].is_string());
    ann.stop(&entry).await;
    guest.must("timer:start", json!(60)).await;
    let names: Vec<String> = guest.take_pending().into_iter().map(|(name, _)| name).collect();
    assert!(
        names.iter().all(|name| ["session:joined", "timer:state", "timer:tick"].contains(&name.as_str())),
        "{names:?}"
    );
    // The room's timer:start is no procedure, and the organisation's are no events.
    assert_eq!(ann.entries(&Value::Null).await.len(), 1);
    guest.must("auth", json!({ "token": token("1", 7) })).await;
    let entry = ann.start(2).await;
    assert_eq!(guest.next_of("timer:started").await["timeEntryId"], entry["id"]);
}

#[tokio::test]
async fn a_guest_that_logs_in_misses_nothing_after_the_answer() {
    let settings = [
        ("auth.modes", "jwt"),
        ("auth.jwt.secret", SECRET),
        ("auth.test_headers", "true"),
        ("socketio.anonymous", "true"),
        ("store.url", "memory://"),
    ];
    let node = Node::start_with(&settings).await;
    for organization in 1..=100 {
        let ann = Member::new(&node, 1, organization);
        let mut guest = SocketIo::connect(node.public).await;
        guest.must("auth", json!({ "token": token("1", organization) })).await;
        let entry = ann.start(1).await;
        assert_eq!(guest.next_of("timer:started").await["timeEntryId"], entry["id"]);
    }
}

#[tokio::test]
async fn a_fresh_token_keeps_the_events_and_one_of_another_organization_ends_them() {
    let settings =
        [("auth.modes", "jwt"), ("auth.jwt.secret", SECRET), ("auth.test_headers", "true"), ("store.url", "memory://")];
    let node = Node::start_with(&settings).await;
    let (ann, eve) = (Member::new(&node, 1, 7), Member::new(&node, 2, 8));
    let mut socket = with_token(&node, "1", 7).await;
    for session in 1..=10 {
        let entry = ann.start(session).await;
        socket.must("auth", json!({ "token": token("1", 7) })).await;
        let started: Vec<Value> =
            socket.take_pending().into_iter().filter(|(name, _)| name == "timer:started").map(|(_, p)| p).collect();
        assert_eq!((started.len(), &started[0]["timeEntryId"]), (1, &entry["id"]), "once");
    }
    socket.emit("auth", json!({ "token": token("1", 8) })).await;
    assert_eq!(socket.is_disconnected().await, 4403);
    eve.start(1).await;
    let mut again = with_token(&node, "1", 8).await;
    let entry = eve.start(2).await;
    assert_eq!(again.next().await.1["timeEntryId"], entry["id"], "nothing of the first organisation");
}

#[tokio::test]
async fn the_end_of_a_session_closes_the_socket_before_later_events() {
    let redis = RedisServer::start();
    let url = redis.url();
    let settings = [
        ("store.url", url.as_str()),
        ("auth.modes", "express-session"),
        ("auth.express_session.secret", SECRET),
        ("auth.express_session.check_every", "1s"),
        ("auth.test_headers", "true"),
        ("socketio.anonymous", "false"),
    ];
    let node = Node::start_with(&settings).await;
    let session = WebSession::log_in(&redis, "sess:", SECRET, &json!(42), &json!(7));
    let cookie = [("cookie", session.cookie.as_str())];
    let mut socket = SocketIo::open_with(node.public, "", &cookie).await;
    assert!(socket.connect_namespace(&json!({})).await.starts_with("40{"));
    let ann = Member::new(&node, 1, 7);
    ann.start(1).await;
    assert_eq!(socket.next().await.0, "timer:started");
    session.log_out(&redis);
    assert_eq!(socket.is_disconnected().await, 4401);
    let answer = node.http("GET", "/api/trpc/timeTracking.taskTypes.list", &cookie, b"").await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn an_event_has_the_entry_as_it_was_then() {
    let node = start(&[]).await;
    let ann = Member::new(&node, 1, 1);
    let mut socket = ann.socket().await;
    let entry = ann.mutate(START, &json!({ "taskTypeId": 2, "projectId": 3, "notes": "private" })).await.data();
    let moved = after(&entry["startTime"], -90 * 60_000);
    let id = &entry["id"];
    ann.mutate(ADJUST, &json!({ "timeEntryId": id, "startTime": moved })).await.data();
    ann.mutate(ADJUST, &json!({ "timeEntryId": id, "startTime": moved, "notes": "z" })).await.data();
    ann.mutate(ADJUST, &json!({ "timeEntryId": id, "endTime": after(&json!(moved), 60 * 60_000) })).await.data();
    ann.mutate(STOP, &json!({ "timeEntryId": id }))
        .await
        .fails("BAD_REQUEST", "Cannot stop timer: timer is not running");
    let mut received = Vec::new();
    for _ in 0..6 {
        let (name, payload) = socket.next().await;
        assert!(!payload.to_string().contains("private"), "notes are not sent: {payload}");
        let minutes = payload.get("durationMinutes").cloned().unwrap_or_default();
        received.push((name, payload["startTime"].clone(), minutes));
    }
    let row = |name: &str, start: &Value, minutes: Value| (name.to_owned(), start.clone(), minutes);
    let moved = json!(moved);
    assert_eq!(
        received,
        [
            row("timer:started", &entry["startTime"], Value::Null),
            row("timer:adjusted", &moved, Value::Null),
            row("timer:started", &moved, Value::Null),
            row("timer:adjusted", &moved, Value::Null),
            row("timer:adjusted", &moved, json!(60)),
            row("timer:stopped", &Value::Null, json!(60)),
        ]
    );
}
