//! Timers of all systems: written through a node, and read through another.

use std::time::{Duration, Instant};

use harness::{Client, Node, SocketIo};
use serde_json::{Value, json};

const MEMBER: [(&str, &str); 3] =
    [("x-test-user-id", "42"), ("x-test-org-id", "3"), ("content-type", "application/json")];

/// What a node shows of all systems, without what grows with the time.
#[derive(Debug, PartialEq)]
pub(super) struct Documents {
    sessions: Vec<Value>,
    history: Value,
    entries: Value,
    types: Value,
    day: Value,
    logs: Value,
    focus: Value,
    focus_stats: Value,
}

/// What clients keep to return with.
pub(super) struct Kept {
    room: String,
    resume: Value,
    ends_at: Value,
    started: Value,
    /// What the stopwatch showed, and when.
    elapsed: (u64, Instant),
}

/// How late a busy machine may deliver a tick.
const LATE_MAX: Duration = Duration::from_secs(10);

/// Starts timers of all systems, and finishes some.
pub(super) async fn write(node: &Node) -> Kept {
    let mut ann = clockit(node).await;
    let started = ann.must("session-start", "first", json!({ "sessionId": "runs", "label": "Runs" })).await;
    ann.must("session-start", "second", json!({ "sessionId": "done", "label": "Done" })).await;
    ann.must("session-stop", "third", json!({ "sessionId": "done" })).await;
    let elapsed = (elapsed(&mut ann).await, Instant::now());

    let (mut host, room) = SocketIo::host(node.public).await;
    let (_guest, joined) = SocketIo::guest(node.public, &room).await;
    host.must("timer:start", json!({ "duration": 3000 })).await;
    let ends_at = host.next_of("timer:tick").await["endsAt"].clone();

    for session in [1, 2] {
        let started = mutate(node, "timer.start", &json!({ "taskTypeId": 1, "sessionId": session })).await;
        if session == 1 {
            mutate(node, "timer.stop", &json!({ "timeEntryId": started["id"] })).await;
        }
    }

    let now = node.http("POST", "/api/heartbeat?userId=ann", &[], b"{}").await.json()["serverTime"].as_i64().unwrap();
    let punch =
        |id: &str, ago: i64, kind: &str| json!({ "id": id, "timestamp": now - ago, "type": kind, "time": "10:00:00" });
    let day = 24 * 3_600_000;
    let punches = [punch("a", 2 * day, "IN"), punch("b", 2 * day - 3_600_000, "OUT"), punch("c", 1000, "IN")];
    let body = json!({ "entries": punches, "currentTheme": "dark" }).to_string();
    let posted = node.http("POST", "/api/session?userId=ann", &[], body.as_bytes()).await;
    assert_eq!(posted.status, 200, "{posted:?}");

    for subject in ["Done", "Left"] {
        let body = json!({ "subject": subject, "targetMinutes": 25 }).to_string();
        let created = node.http("POST", "/api/sessions?userId=ann", &[], body.as_bytes()).await;
        assert_eq!(created.status, 201, "{created:?}");
        if subject == "Done" {
            let path = format!("/api/sessions/{}/end?userId=ann", created.json()["session"]["_id"].as_str().unwrap());
            assert_eq!(node.http("PUT", &path, &[], b"{}").await.status, 200);
        }
    }
    Kept { room, resume: joined["resume"].clone(), ends_at, started, elapsed }
}

/// Reads all documents.
pub(super) async fn read(node: &Node) -> Documents {
    let mut ann = clockit_ready(node).await;
    let sessions = ann.1.as_array_mut().unwrap().drain(..).map(|mut session| {
        for growing in ["elapsedMs", "totalMs"] {
            session.as_object_mut().unwrap().remove(growing);
        }
        session
    });
    let sessions: Vec<Value> = sessions.collect();
    let mut entries = query(node, "timeEntries.list").await;
    for entry in entries["entries"].as_array_mut().unwrap() {
        entry.as_object_mut().unwrap().retain(|name, _| !name.contains("uration") && !name.contains("lapsed"));
    }
    entries.as_object_mut().unwrap().retain(|name, _| name == "entries" || name == "total");
    let mut day = get(node, "/api/session?userId=ann").await["data"].clone();
    day.as_object_mut().unwrap().remove("dailyStats");
    Documents {
        sessions,
        history: get(node, "/sessions?userId=ann").await,
        entries,
        types: query(node, "taskTypes.list").await,
        day,
        logs: get(node, "/api/daily-logs?userId=ann").await,
        focus: get(node, "/api/sessions?userId=ann").await["sessions"].clone(),
        focus_stats: get(node, "/api/users/me/stats?userId=ann").await,
    }
}

impl Documents {
    /// Checks that there is something of each system.
    pub(super) fn are_complete(&self) {
        assert_eq!(self.sessions.iter().filter(|session| session["sessionId"] == "runs").count(), 1, "{self:#?}");
        assert_eq!(self.entries["entries"].as_array().unwrap().len(), 2, "{self:#?}");
        assert_eq!(self.types.as_array().unwrap().len(), 5, "{self:#?}");
        assert_eq!(self.day["entries"][0]["id"], "c", "{self:#?}");
        assert_eq!(self.day["currentTheme"], "dark", "{self:#?}");
        assert_eq!(self.logs["logs"][0]["entries"].as_array().unwrap().len(), 2, "{self:#?}");
        let focus =
            |status| self.focus.as_array().unwrap().iter().filter(|session| session["status"] == status).count();
        assert_eq!([focus("active"), focus("completed")], [1, 1], "{self:#?}");
        assert_eq!(self.focus_stats["completedSessions"], 1, "{self:#?}");
    }
}

/// Checks what goes on: ticks, the room with its countdown, and command ids.
pub(super) async fn goes_on(node: &Node, kept: &Kept) {
    let mut ann = clockit(node).await;
    let (now, (before, since)) = (elapsed(&mut ann).await, kept.elapsed);
    let passed = Duration::from_millis(now - before);
    assert!(passed > Duration::ZERO && passed < since.elapsed() + LATE_MAX, "{before} ms, then {now} ms");
    let repeated = ann.must("session-start", "first", json!({ "sessionId": "runs", "label": "Runs" })).await;
    assert_eq!(repeated, kept.started, "the command is known");

    let mut guest = SocketIo::connect(node.public).await;
    let joined = guest.must("session:join", json!({ "sessionId": kept.room, "resume": kept.resume })).await;
    assert_eq!(joined["count"], 2, "members can return: {joined}");
    let tick = guest.next_of("timer:tick").await;
    assert_eq!(tick["endsAt"], kept.ends_at, "{tick}");
    assert!(tick["remainingTime"].as_u64().is_some_and(|remaining| remaining < 3000), "{tick}");
}

async fn clockit(node: &Node) -> Client {
    clockit_ready(node).await.0
}

async fn clockit_ready(node: &Node) -> (Client, Value) {
    let mut client = node.connect("userId=ann&client=device&dialect=v1").await;
    let ready = client.next_of("ready").await;
    (client, ready["sessions"].clone())
}

fn find(value: &Value) -> Option<u64> {
    match value {
        Value::Object(fields) => {
            fields.get("elapsedMs").and_then(Value::as_u64).or_else(|| fields.values().find_map(find))
        }
        Value::Array(values) => values.iter().find_map(find),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// Returns what the next tick shows.
async fn elapsed(client: &mut Client) -> u64 {
    let tick = client.next_of("tick").await;
    find(&tick).unwrap_or_else(|| panic!("{tick}"))
}

async fn get(node: &Node, path: &str) -> Value {
    let answer = node.http("GET", path, &[], b"").await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.json()
}

async fn query(node: &Node, procedure: &str) -> Value {
    let answer = node.http("GET", &format!("/api/trpc/timeTracking.{procedure}"), &MEMBER, b"").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["result"]["data"].clone()
}

async fn mutate(node: &Node, procedure: &str, input: &Value) -> Value {
    let path = format!("/api/trpc/timeTracking.{procedure}");
    let answer = node.http("POST", &path, &MEMBER, input.to_string().as_bytes()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["result"]["data"].clone()
}
