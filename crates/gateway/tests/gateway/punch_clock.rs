//! A person's working day over HTTP and the WebSocket.

mod access;
mod documents;
mod entries;
mod faults;
mod live;
mod logs;
mod midnight;
mod zones;

use std::time::{SystemTime, UNIX_EPOCH};

use harness::http::Response;
use harness::{Client, MovableClock, Node, RedisServer, wait_until};
use serde_json::{Value, json};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Noon of Friday 2026-11-20 in UTC.
const NOON: i64 = 1_795_176_000_000;

/// A store whose date the test sets, and one node. Nodes take the date from the store.
struct Office {
    clock: MovableClock,
    redis: RedisServer,
    node: Node,
}

impl Office {
    /// Starts at an instant, from which time passes.
    async fn open_at(instant: i64) -> Self {
        Self::open_with(instant, &[]).await
    }

    async fn open_with(instant: i64, settings: &[(&str, &str)]) -> Self {
        let clock = MovableClock::make();
        clock.move_by(instant - machine_time());
        let redis = RedisServer::start_by(&clock);
        let url = redis.url();
        let node = Node::start_with(&[&[("store.url", url.as_str()), ("node.id", "one")], settings].concat()).await;
        Self { clock, redis, node }
    }

    async fn second_node(&self) -> Node {
        Node::start_over(&self.redis, "two").await
    }

    /// Sets the date forward, and waits until the node has noticed.
    async fn pass_until(&self, instant: i64) {
        self.clock.move_by(instant - machine_time());
        wait_until("the node to know the date", async || self.node.server_time().await >= instant).await;
    }
}

/// The requests of pages. The person is named as in development.
trait Pages {
    async fn call(&self, method: &str, path: &str, body: &str) -> Response;

    async fn server_time(&self) -> i64 {
        let answer = self.call("POST", "/api/heartbeat?userId=clock", "{}").await;
        if answer.status == 200 { number(&answer.json()["serverTime"]) } else { 0 }
    }

    /// Returns a person's document.
    async fn session(&self, user: &str) -> Value {
        let answer = self.call("GET", &format!("/api/session?userId={user}"), "").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let answer = answer.json();
        assert_eq!(answer["success"], true);
        answer["data"].clone()
    }

    async fn post(&self, user: &str, body: &Value) -> Response {
        self.call("POST", &format!("/api/session?userId={user}"), &body.to_string()).await
    }

    /// Posts to a person's day, which must be taken; returns the answer.
    async fn save(&self, user: &str, body: &Value) -> Value {
        let answer = self.post(user, body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let answer = answer.json();
        assert_eq!(
            (&answer["success"], &answer["message"]),
            (&json!(true), &json!("Session updated successfully")),
            "{answer}"
        );
        answer
    }

    /// Posts entries, all of which must have an effect; returns the document.
    async fn punch(&self, user: &str, entries: &Value) -> Value {
        let answer = self.save(user, &json!({ "entries": entries })).await;
        assert_eq!(answer["ignored"], json!([]), "{answer}");
        answer["data"].clone()
    }

    async fn reset(&self, user: &str) {
        let answer = self.call("DELETE", &format!("/api/session?userId={user}"), "").await;
        assert_eq!(
            (answer.status, answer.json()),
            (200, json!({ "success": true, "message": "Session reset successfully" }))
        );
    }

    async fn move_to(&self, user: &str, zone: &str) -> Value {
        let body = json!({ "zone": zone }).to_string();
        let answer = self.call("PUT", &format!("/api/session/zone?userId={user}"), &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// Returns a person's archived days.
    async fn logs(&self, user: &str) -> Vec<Value> {
        let answer = self.call("GET", &format!("/api/daily-logs?limit=366&userId={user}"), "").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["logs"].as_array().unwrap().clone()
    }
}

impl Pages for Node {
    async fn call(&self, method: &str, path: &str, body: &str) -> Response {
        self.http(method, path, &[("content-type", "application/json")], body.as_bytes()).await
    }
}

fn machine_time() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("{value} is not a number"))
}

fn entry(id: impl Into<Value>, kind: &str, at: i64) -> Value {
    json!({ "id": id.into(), "timestamp": at, "type": kind, "time": "00:00:00" })
}

/// Returns the ids of the entries that a document shows.
fn ids(document: &Value) -> Vec<Value> {
    document["entries"].as_array().unwrap().iter().map(|entry| entry["id"].clone()).collect()
}

/// Returns the id and the reason of what has no effect.
fn ignored(answer: &Value) -> Vec<(Value, &str)> {
    let list = answer["ignored"].as_array().unwrap();
    list.iter().map(|ignored| (ignored["id"].clone(), ignored["reason"].as_str().unwrap())).collect()
}

/// Returns the day and the minutes of work of each archived day.
fn work_of(logs: &[Value]) -> Vec<(&str, i64)> {
    let date = |log: &Value| -> usize { log["date"].as_str().unwrap().find('T').unwrap() };
    logs.iter()
        .map(|log| (&log["date"].as_str().unwrap()[..date(log)], number(&log["dailyStats"]["totalWorkMinutes"])))
        .collect()
}

async fn live(node: &Node, user: &str) -> Client {
    Client::connect(node.public, &format!("/api/session/live?userId={user}")).await
}
