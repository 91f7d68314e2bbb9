//! A WebSocket client with timeouts.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Bytes, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::{DEADLINE, Endpoint};

/// A client.
pub struct Client {
    /// Timeout of every wait; initially [`DEADLINE`].
    pub timeout: Duration,
    socket: WebSocketStream<TcpStream>,
}

impl Client {
    pub async fn connect(endpoint: impl Endpoint, path: &str) -> Self {
        Self::connect_with(endpoint, path, &[]).await
    }

    pub async fn connect_with(endpoint: impl Endpoint, path: &str, headers: &[(&'static str, &str)]) -> Self {
        let address = endpoint.address();
        let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let tcp = TcpStream::connect(address).await.unwrap();
        let (socket, _) = timeout(DEADLINE, client_async(request, tcp)).await.unwrap().unwrap();
        Self { timeout: DEADLINE, socket }
    }

    /// Sends a command with a type and a payload.
    pub async fn ask(&mut self, kind: &str, id: Option<&str>, payload: Value) {
        let mut message = json!({ "type": kind, "payload": payload });
        if let Some(id) = id {
            message["id"] = json!(id);
        }
        self.send(Message::text(message.to_string())).await;
    }

    /// Sends a command and waits until it is acknowledged.
    pub async fn must(&mut self, kind: &str, id: &str, payload: Value) -> Value {
        self.ask(kind, Some(id), payload).await;
        loop {
            let message = self.next().await;
            assert_ne!(message["type"], "error", "{message}");
            if message["type"] == "ack" && message["id"] == id {
                return message;
            }
        }
    }

    pub async fn say(&mut self, text: &str) {
        self.send(Message::text(text)).await;
    }

    pub async fn send(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// Buffers a message; [`Client::flush`] sends it.
    pub async fn feed(&mut self, message: Message) {
        self.socket.feed(message).await.unwrap();
    }

    pub async fn flush(&mut self) {
        self.socket.flush().await.unwrap();
    }

    /// Writes raw bytes to the connection, outside of WebSocket frames.
    pub async fn write_raw(&mut self, bytes: &[u8]) {
        tokio::io::AsyncWriteExt::write_all(self.socket.get_mut(), bytes).await.unwrap();
    }

    /// Waits for the next message.
    pub async fn next(&mut self) -> Value {
        serde_json::from_str(&self.next_text().await).expect("JSON")
    }

    /// Waits for the next text.
    pub async fn next_text(&mut self) -> String {
        loop {
            match timeout(self.timeout, self.socket.next()).await.expect("a message in time") {
                Some(Ok(Message::Text(text))) => return text.to_string(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Waits for the next message of a type, skipping others.
    pub async fn next_of(&mut self, kind: &str) -> Value {
        loop {
            let message = self.next().await;
            if message["type"] == kind {
                return message;
            }
        }
    }

    /// Waits for the close frame, skipping messages.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            match timeout(self.timeout, self.socket.next()).await.expect("an end in time") {
                Some(Ok(Message::Close(Some(frame)))) => return (frame.code.into(), frame.reason.to_string()),
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Sends a close frame.
    pub async fn close(&mut self, code: u16, reason: &str) {
        let frame = CloseFrame { code: code.into(), reason: reason.into() };
        self.send(Message::Close(Some(frame))).await;
    }

    /// Sends a ping and waits for its pong.
    pub async fn pings(&mut self, payload: &'static [u8]) {
        self.send(Message::Ping(Bytes::from_static(payload))).await;
        loop {
            match timeout(self.timeout, self.socket.next()).await.expect("a pong in time") {
                Some(Ok(Message::Pong(answer))) => {
                    assert_eq!(answer.as_ref(), payload);
                    return;
                }
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Waits for a ping, skipping messages, and replies to it.
    pub async fn answer_ping(&mut self) {
        loop {
            match timeout(self.timeout, self.socket.next()).await.expect("a ping in time") {
                Some(Ok(Message::Ping(_))) => return self.flush().await,
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Returns the underlying TCP connection.
    pub fn into_tcp(self) -> TcpStream {
        self.socket.into_inner()
    }
}
