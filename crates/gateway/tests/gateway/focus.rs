//! Focus sessions over HTTP and the WebSocket that tracks one of them.

mod access;
mod activity;
mod drops;
mod endings;
mod limits;
mod list;
mod nodes;
mod sessions;
mod socket;
mod statistics;

use std::time::{SystemTime, UNIX_EPOCH};

use harness::http::Response;
use harness::{Client, MovableClock, Node, RedisServer, wait_until};
use serde_json::{Value, json};

/// An id that this server has not made.
const UNKNOWN: &str = "507f1f77bcf86cd799439011";

/// A person is idle as soon as a second has passed, so that tests wait for seconds only.
const SOON_IDLE: (&str, &str) = ("focus.idle_after", "1s");

/// A store whose date the test sets, and one node. Nodes take the date from the store.
struct School {
    clock: MovableClock,
    redis: RedisServer,
    node: Node,
}

impl School {
    async fn open(settings: &[(&str, &str)]) -> Self {
        let clock = MovableClock::make();
        let redis = RedisServer::start_by(&clock);
        let node = start_over(&redis, "one", settings).await;
        Self { clock, redis, node }
    }

    async fn open_at(instant: i64) -> Self {
        let clock = MovableClock::make();
        clock.move_by(instant - machine_time());
        let redis = RedisServer::start_by(&clock);
        let node = start_over(&redis, "one", &[]).await;
        Self { clock, redis, node }
    }

    /// Sets the date to that of the machine and some time more, and waits until a node has noticed.
    async fn move_by(&self, millis: i64, node: &Node) {
        self.clock.move_by(millis);
        let instant = machine_time() + millis;
        wait_until("the node to know the date", async || node.server_time().await >= instant).await;
    }

    async fn move_to(&self, instant: i64) {
        self.move_by(instant - machine_time(), &self.node).await;
    }
}

async fn start_over(redis: &RedisServer, name: &str, settings: &[(&str, &str)]) -> Node {
    let url = redis.url();
    Node::start_with(&[&[("store.url", url.as_str()), ("node.id", name)], settings].concat()).await
}

/// The requests of pages. The person is named as in development.
trait Pages {
    async fn call(&self, user: &str, method: &str, path: &str, body: &str) -> Response;

    async fn server_time(&self) -> i64;

    /// Makes a request that succeeds.
    async fn must(&self, user: &str, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.call(user, method, path, &body).await;
        let status = if method == "POST" { 201 } else { 200 };
        assert_eq!((answer.status, &answer.json()["success"]), (status, &json!(true)), "{method} {path} {answer:?}");
        answer.json()
    }

    /// Creates a session; returns it.
    async fn create(&self, user: &str, body: &Value) -> Value {
        self.must(user, "POST", "/api/sessions", body).await["session"].clone()
    }

    /// Creates a session of a target; returns its id.
    async fn new_session(&self, user: &str, target_minutes: f64) -> String {
        id_of(&self.create(user, &json!({ "targetMinutes": target_minutes })).await)
    }

    async fn read(&self, user: &str, id: &str) -> Value {
        self.must(user, "GET", &format!("/api/sessions/{id}"), &Value::Null).await["session"].clone()
    }

    async fn change(&self, user: &str, id: &str, body: &Value) -> Value {
        self.must(user, "PUT", &format!("/api/sessions/{id}"), body).await["session"].clone()
    }

    /// Ends a session; returns it.
    async fn end(&self, user: &str, id: &str, body: &Value) -> Value {
        let answer = self.must(user, "PUT", &format!("/api/sessions/{id}/end"), body).await;
        assert_eq!(answer["focusScore"], answer["session"]["focusScore"], "{answer}");
        answer["session"].clone()
    }

    async fn delete(&self, user: &str, id: &str) {
        let answer = self.must(user, "DELETE", &format!("/api/sessions/{id}"), &Value::Null).await;
        assert_eq!(answer, json!({ "success": true, "message": "Session deleted" }));
    }

    /// Returns the ids of a list.
    async fn list(&self, user: &str, query: &str) -> Vec<String> {
        let answer = self.must(user, "GET", &format!("/api/sessions?{query}"), &Value::Null).await;
        let sessions = answer["sessions"].as_array().unwrap();
        assert_eq!(answer["count"], sessions.len(), "{answer}");
        sessions.iter().map(id_of).collect()
    }

    async fn stats(&self, user: &str) -> Value {
        let answer = self.call(user, "GET", "/api/users/me/stats", "").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// Opens a WebSocket.
    async fn socket(&self, user: &str) -> Client;

    /// Opens a WebSocket that tracks a session.
    async fn track(&self, user: &str, id: &str) -> Client {
        let mut socket = self.socket(user).await;
        socket.start(id).await;
        socket
    }
}

impl Pages for Node {
    async fn call(&self, user: &str, method: &str, path: &str, body: &str) -> Response {
        let path = format!("{path}{}userId={user}", if path.contains('?') { '&' } else { '?' });
        self.http(method, &path, &[], body.as_bytes()).await
    }

    async fn server_time(&self) -> i64 {
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"timesync"}"#;
        let answer = self.http("POST", "/timesync", &[], body.as_bytes()).await;
        if answer.status == 200 { number(&answer.json()["result"]) } else { 0 }
    }

    async fn socket(&self, user: &str) -> Client {
        let mut socket = Client::connect(self.public, &format!("/ws/sessions?userId={user}")).await;
        let connected = socket.next().await;
        let has_id = connected["connectionId"].as_str().is_some_and(|id| !id.is_empty());
        assert!(connected["type"] == "connected" && has_id, "{connected}");
        socket
    }
}

/// The messages of a page that tracks a session.
trait Tracking {
    async fn tell(&mut self, message: Value);

    /// Tracks a session; skips ticks of the one before.
    async fn start(&mut self, id: &str);

    /// Waits for a tick of at least so many seconds; returns it.
    async fn tick_of(&mut self, seconds: i64) -> Value;

    /// Waits for a message that is no tick.
    async fn answer(&mut self) -> Value;

    /// Ends the session; returns the score.
    async fn stop(&mut self, id: &str) -> i64;
}

impl Tracking for Client {
    async fn tell(&mut self, message: Value) {
        self.say(&message.to_string()).await;
    }

    async fn start(&mut self, id: &str) {
        self.tell(json!({ "type": "start", "sessionId": id })).await;
        assert_eq!(self.answer().await, json!({ "type": "started", "sessionId": id }));
    }

    async fn tick_of(&mut self, seconds: i64) -> Value {
        loop {
            let tick = self.next().await;
            assert_eq!(tick["type"], "tick", "{tick}");
            if number(&tick["elapsedSeconds"]) >= seconds {
                return tick;
            }
        }
    }

    async fn answer(&mut self) -> Value {
        loop {
            let message = self.next().await;
            if message["type"] != "tick" {
                return message;
            }
        }
    }

    async fn stop(&mut self, id: &str) -> i64 {
        self.tell(json!({ "type": "stop" })).await;
        let stopped = self.answer().await;
        assert_eq!((&stopped["type"], &stopped["sessionId"]), (&json!("stopped"), &json!(id)), "{stopped}");
        number(&stopped["focusScore"])
    }
}

/// Closes a socket, and waits until the server has recorded it.
async fn drop_socket(node: &Node, user: &str, id: &str, socket: Client) {
    let before = node.read(user, id).await["updatedAt"].clone();
    drop(socket);
    wait_until("the end of the socket to be stored", async || node.read(user, id).await["updatedAt"] != before).await;
}

fn machine_time() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("{value} is not a number"))
}

fn id_of(session: &Value) -> String {
    session["_id"].as_str().unwrap().to_owned()
}

/// Returns the elapsed, active and idle seconds of a session or a tick.
fn seconds(of: &Value) -> [i64; 3] {
    ["elapsedSeconds", "activeSeconds", "idleSeconds"].map(|key| number(&of[key]))
}

fn elapsed(of: &Value) -> i64 {
    number(&of["elapsedSeconds"])
}

/// Expects a refusal over HTTP.
fn refused(answer: &Response, status: u16, message: &str) {
    assert_eq!((answer.status, answer.json()), (status, json!({ "message": message })));
}
