//! A Socket.IO client over a WebSocket, with timeouts.

use std::collections::VecDeque;
use std::time::Instant;

use serde_json::Value;

use crate::{Client, Endpoint};

/// A client.
pub struct SocketIo {
    /// The underlying WebSocket client.
    pub client: Client,
    pending: VecDeque<(String, Value)>,
    last_ack: u64,
}

impl SocketIo {
    /// Connects to the namespace.
    pub async fn connect(endpoint: impl Endpoint) -> Self {
        let mut socket = Self::open(endpoint, "").await;
        socket.say("40").await;
        let answer = socket.text().await;
        assert!(answer.starts_with(r#"40{"sid":""#), "{answer}");
        socket
    }

    /// Connects to the namespace with credentials.
    pub async fn connect_as(endpoint: impl Endpoint, credentials: &Value) -> Self {
        let mut socket = Self::open(endpoint, "").await;
        let answer = socket.connect_namespace(credentials).await;
        assert!(answer.starts_with(r#"40{"sid":""#), "{answer}");
        socket
    }

    /// Sends CONNECT with credentials; returns the reply.
    pub async fn connect_namespace(&mut self, credentials: &Value) -> String {
        self.say(&format!("40{credentials}")).await;
        self.text().await
    }

    /// Waits for DISCONNECT, skipping events; returns the close code.
    pub async fn is_disconnected(&mut self) -> u16 {
        while self.text().await != "41" {}
        self.client.closed().await.0
    }

    /// Connects and creates a room; returns its id.
    pub async fn host(endpoint: impl Endpoint) -> (Self, String) {
        let mut host = Self::connect(endpoint).await;
        let created = host.must("session:create", serde_json::json!({})).await;
        (host, created["sessionId"].as_str().expect("an id").to_owned())
    }

    /// Connects and joins a room; returns the reply.
    pub async fn guest(endpoint: impl Endpoint, room: &str) -> (Self, Value) {
        let mut guest = Self::connect(endpoint).await;
        let joined = guest.must("session:join", serde_json::json!({ "sessionId": room })).await;
        (guest, joined)
    }

    /// Opens an Engine.IO connection with a further query, without a namespace.
    pub async fn open(endpoint: impl Endpoint, query: &str) -> Self {
        Self::open_with(endpoint, query, &[]).await
    }

    /// Opens an Engine.IO connection with further headers, without a namespace.
    pub async fn open_with(endpoint: impl Endpoint, query: &str, headers: &[(&'static str, &str)]) -> Self {
        let path = format!("/socket.io/?EIO=4&transport=websocket{query}");
        let mut client = Client::connect_with(endpoint, &path, headers).await;
        let open = client.next_text().await;
        assert!(open.starts_with('0'), "{open}");
        Self { client, pending: VecDeque::new(), last_ack: 0 }
    }

    pub async fn say(&mut self, packet: &str) {
        self.client.say(packet).await;
    }

    /// Waits for the next packet, replying to pings.
    pub async fn text(&mut self) -> String {
        loop {
            match self.client.next_text().await.as_str() {
                "2" => self.say("3").await,
                text => return text.to_owned(),
            }
        }
    }

    /// Sends an event without waiting.
    pub async fn emit(&mut self, name: &str, payload: Value) {
        self.say(&format!("42{}", serde_json::json!([name, payload]))).await;
    }

    /// Sends an event and waits for its acknowledgement; events before it are kept.
    pub async fn ask(&mut self, name: &str, payload: Value) -> Value {
        self.last_ack += 1;
        let answer = format!("43{}[", self.last_ack);
        self.say(&format!("42{}{}", self.last_ack, serde_json::json!([name, payload]))).await;
        loop {
            let text = self.text().await;
            match text.strip_prefix(&answer) {
                Some(payload) => {
                    return serde_json::from_str(payload.strip_suffix(']').expect("a list")).expect("JSON");
                }
                None => self.pending.push_back(event(&text)),
            }
        }
    }

    /// Sends an event and waits for its acknowledgement, which must not be an error.
    pub async fn must(&mut self, name: &str, payload: Value) -> Value {
        let answer = self.ask(name, payload).await;
        assert!(answer["error"].is_null(), "{name}: {answer}");
        answer
    }

    /// Returns and removes the events received while waiting for acknowledgements.
    pub fn take_pending(&mut self) -> Vec<(String, Value)> {
        self.pending.drain(..).collect()
    }

    /// Waits for the next event.
    pub async fn next(&mut self) -> (String, Value) {
        match self.pending.pop_front() {
            Some(pending) => pending,
            None => event(&self.text().await),
        }
    }

    /// Waits for the next event of a name, skipping others.
    pub async fn next_of(&mut self, name: &str) -> Value {
        let end = Instant::now() + self.client.timeout;
        loop {
            let (pending, payload) = self.next().await;
            if pending == name {
                return payload;
            }
            assert!(Instant::now() < end, "no {name} in time");
        }
    }
}

fn event(text: &str) -> (String, Value) {
    let json = text.strip_prefix("42").unwrap_or_else(|| panic!("no event: {text}"));
    serde_json::from_str(json).expect("a name and a payload")
}
