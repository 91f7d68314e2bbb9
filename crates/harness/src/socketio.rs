//! A client of Socket.IO over a WebSocket, with patience.

use std::collections::VecDeque;
use std::time::Instant;

use serde_json::Value;

use crate::Client;

/// One client.
pub struct SocketIo {
    /// What is below.
    pub client: Client,
    heard: VecDeque<(String, Value)>,
    asked: u64,
}

impl SocketIo {
    /// Comes in.
    pub async fn connect(port: u16) -> Self {
        let mut socket = Self::open(port, "").await;
        socket.say("40").await;
        let answer = socket.text().await;
        assert!(answer.starts_with(r#"40{"sid":""#), "{answer}");
        socket
    }

    /// Comes in with something that says who it is.
    pub async fn connect_as(port: u16, credentials: &Value) -> Self {
        let mut socket = Self::open(port, "").await;
        let answer = socket.come_in(credentials).await;
        assert!(answer.starts_with(r#"40{"sid":""#), "{answer}");
        socket
    }

    /// Asks to be let in; returns the answer.
    pub async fn come_in(&mut self, credentials: &Value) -> String {
        self.say(&format!("40{credentials}")).await;
        self.text().await
    }

    /// Waits until it is told to go and not to come again, passing over events; returns the close code.
    pub async fn is_disconnected(&mut self) -> u16 {
        while self.text().await != "41" {}
        self.client.closed().await.0
    }

    /// Comes in and makes a room; returns its id.
    pub async fn host(port: u16) -> (Self, String) {
        let mut host = Self::connect(port).await;
        let created = host.must("session:create", serde_json::json!({})).await;
        (host, created["sessionId"].as_str().expect("an id").to_owned())
    }

    /// Comes into a room; returns what it was told.
    pub async fn guest(port: u16, room: &str) -> (Self, Value) {
        let mut guest = Self::connect(port).await;
        let joined = guest.must("session:join", serde_json::json!({ "sessionId": room })).await;
        (guest, joined)
    }

    /// Opens the engine with a further query, and stays outside.
    pub async fn open(port: u16, query: &str) -> Self {
        let mut client = Client::connect(port, &format!("/socket.io/?EIO=4&transport=websocket{query}")).await;
        let open = client.next_text().await;
        assert!(open.starts_with('0'), "{open}");
        Self { client, heard: VecDeque::new(), asked: 0 }
    }

    pub async fn say(&mut self, packet: &str) {
        self.client.say(packet).await;
    }

    /// Waits for the next packet, answering pings.
    pub async fn text(&mut self) -> String {
        loop {
            match self.client.next_text().await.as_str() {
                "2" => self.say("3").await,
                text => return text.to_owned(),
            }
        }
    }

    /// Sends an event and waits for nothing.
    pub async fn emit(&mut self, name: &str, payload: Value) {
        self.say(&format!("42{}", serde_json::json!([name, payload]))).await;
    }

    /// Sends an event and waits for its answer; what comes before it is kept.
    pub async fn ask(&mut self, name: &str, payload: Value) -> Value {
        self.asked += 1;
        let answer = format!("43{}[", self.asked);
        self.say(&format!("42{}{}", self.asked, serde_json::json!([name, payload]))).await;
        loop {
            let text = self.text().await;
            match text.strip_prefix(&answer) {
                Some(payload) => {
                    return serde_json::from_str(payload.strip_suffix(']').expect("a list")).expect("JSON");
                }
                None => self.heard.push_back(event(&text)),
            }
        }
    }

    /// Sends an event and waits for its answer, which is no error.
    pub async fn must(&mut self, name: &str, payload: Value) -> Value {
        let answer = self.ask(name, payload).await;
        assert!(answer["error"].is_null(), "{name}: {answer}");
        answer
    }

    /// Takes out what it has heard while it waited for answers.
    pub fn heard(&mut self) -> Vec<(String, Value)> {
        self.heard.drain(..).collect()
    }

    /// Waits for the next event.
    pub async fn next(&mut self) -> (String, Value) {
        match self.heard.pop_front() {
            Some(heard) => heard,
            None => event(&self.text().await),
        }
    }

    /// Waits for the next event of a name, passing over others.
    pub async fn next_of(&mut self, name: &str) -> Value {
        let end = Instant::now() + self.client.patience;
        loop {
            let (heard, payload) = self.next().await;
            if heard == name {
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
