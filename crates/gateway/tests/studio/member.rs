//! A member of an organisation, who calls procedures and receives events.

use std::time::{SystemTime, UNIX_EPOCH};

use harness::http::{Response, request};
use harness::{Node, RedisServer, SocketIo};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio_util::task::AbortOnDropHandle;

pub(super) const JSON: (&str, &str) = ("content-type", "application/json");

pub(super) const TYPES: &str = "taskTypes.list";
pub(super) const CREATE: &str = "taskTypes.create";
pub(super) const UPDATE: &str = "taskTypes.update";
pub(super) const START: &str = "timer.start";
pub(super) const STOP: &str = "timer.stop";
pub(super) const ACTIVE: &str = "timer.getActive";
pub(super) const LIST: &str = "timeEntries.list";
pub(super) const ADJUST: &str = "timeEntries.adjust";

/// The procedures that read.
pub(super) const QUERIES: [&str; 3] = [TYPES, ACTIVE, LIST];

/// The procedures that write.
pub(super) const MUTATIONS: [&str; 5] = [CREATE, UPDATE, START, STOP, ADJUST];

/// A person at a node.
#[derive(Clone, Debug)]
pub(super) struct Member {
    port: u16,
    user: String,
    organization: String,
}

/// The answer to a call.
#[derive(Debug)]
pub(super) struct Answer(pub(super) Response);

/// Starts a node that trusts the development headers, on a store in memory.
pub(super) async fn start(settings: &[(&str, &str)]) -> Node {
    Node::start_with(&[&[("store.url", "memory://"), ("auth.test_headers", "true")], settings].concat()).await
}

/// Starts a node that trusts the development headers, over a Redis.
pub(super) async fn start_over(redis: &RedisServer, name: &str) -> Node {
    start_at(&redis.url(), name).await
}

/// As [`start_over`], by an address.
pub(super) async fn start_at(url: &str, name: &str) -> Node {
    Node::start_with(&[("store.url", url), ("auth.test_headers", "true"), ("node.id", name)]).await
}

impl Member {
    pub(super) fn new(node: &Node, user: u32, organization: u32) -> Self {
        Self { port: node.public, user: user.to_string(), organization: organization.to_string() }
    }

    /// Returns the same person at another node.
    pub(super) fn at(&self, node: &Node) -> Self {
        Self { port: node.public, ..self.clone() }
    }

    pub(super) fn headers(&self) -> [(&'static str, &str); 2] {
        [("x-test-user-id", &self.user), ("x-test-org-id", &self.organization)]
    }

    /// Sends a request below `/api/trpc/`.
    pub(super) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let headers = [&self.headers()[..], headers].concat();
        request(self.port, method, &format!("/api/trpc/{path}"), &headers, body).await.unwrap()
    }

    /// Calls a procedure that reads; without an input if it is null.
    pub(super) async fn query(&self, procedure: &str, input: &Value) -> Answer {
        let input = if input.is_null() { String::new() } else { format!("?input={}", encoded(&input.to_string())) };
        Answer(self.send("GET", &format!("timeTracking.{procedure}{input}"), &[], b"").await)
    }

    /// Calls a procedure that writes.
    pub(super) async fn mutate(&self, procedure: &str, input: &Value) -> Answer {
        self.mutate_with(&[], procedure, input).await
    }

    /// Calls a procedure that writes, with a key by which a repetition is recognised.
    pub(super) async fn repeat(&self, key: &str, procedure: &str, input: &Value) -> Answer {
        self.mutate_with(&[("idempotency-key", key)], procedure, input).await
    }

    pub(super) async fn mutate_with(&self, headers: &[(&str, &str)], procedure: &str, input: &Value) -> Answer {
        let headers = [&[JSON], headers].concat();
        let path = format!("timeTracking.{procedure}");
        Answer(self.send("POST", &path, &headers, input.to_string().as_bytes()).await)
    }

    /// Calls a procedure with any input, by its verb.
    pub(super) async fn call_raw(&self, procedure: &str, input: &str) -> Answer {
        let path = format!("timeTracking.{procedure}");
        Answer(if QUERIES.contains(&procedure) {
            self.send("GET", &format!("{path}?input={}", encoded(input)), &[], b"").await
        } else {
            self.send("POST", &path, &[JSON], input.as_bytes()).await
        })
    }

    /// Starts an entry of a session, of the first type.
    pub(super) async fn start(&self, session: u32) -> Value {
        self.mutate(START, &json!({ "taskTypeId": 1, "sessionId": session })).await.data()
    }

    pub(super) async fn stop(&self, entry: &Value) -> Value {
        self.mutate(STOP, &json!({ "timeEntryId": entry["id"] })).await.data()
    }

    /// Lists entries.
    pub(super) async fn entries(&self, input: &Value) -> Vec<Value> {
        self.query(LIST, input).await.data()["entries"].as_array().unwrap().clone()
    }

    /// Opens a socket and reads its events until the answer is dropped. Meanwhile, the node has a view of the organisation,
    /// so that a call does not load it.
    pub(super) async fn listen(&self) -> AbortOnDropHandle<()> {
        let mut socket = self.socket().await;
        AbortOnDropHandle::new(tokio::spawn(async move {
            loop {
                socket.text().await;
            }
        }))
    }

    /// Opens a socket that is admitted.
    pub(super) async fn socket(&self) -> SocketIo {
        let mut socket = SocketIo::open_with(self.port, "", &self.headers()).await;
        socket.say("40").await;
        let answer = socket.text().await;
        assert!(answer.starts_with(r#"40{"sid":""#), "{answer}");
        socket
    }
}

impl Answer {
    /// Returns the result of a call that succeeds.
    pub(super) fn data(&self) -> Value {
        assert_eq!(self.0.status, 200, "{:?}", self.0);
        self.0.json()["result"]["data"].clone()
    }

    /// Returns the code and the message of an error whose parts agree.
    pub(super) fn error(&self) -> (String, String) {
        let error = &self.0.json()["error"];
        assert_eq!(error["data"]["httpStatus"], self.0.status, "{:?}", self.0);
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{:?}", self.0)).to_owned();
        (text(&error["data"]["code"]), text(&error["message"]))
    }

    /// Asserts that the call fails with a code and a message.
    pub(super) fn fails(&self, code: &str, message: &str) {
        assert_eq!(self.error(), (code.to_owned(), message.to_owned()));
    }
}

pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Returns the instant some milliseconds after a date.
pub(super) fn after(date: &Value, ms: i64) -> String {
    let date: jiff::Timestamp = date.as_str().unwrap().parse().unwrap();
    let moved = jiff::Timestamp::from_millisecond(date.as_millisecond() + ms).unwrap();
    format!("{moved:.3}")
}

/// Returns the instant some milliseconds from now.
pub(super) fn from_now(ms: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let moved = jiff::Timestamp::from_millisecond(i64::try_from(now).unwrap() + ms).unwrap();
    format!("{moved:.3}")
}
