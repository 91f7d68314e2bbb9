//! A client of Clockit that waits for what it expects, and says what it received instead.

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderValue, Request};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::commands::Failure;
use crate::commands::smoke_test::service_address::{ByteStream, ServiceAddress};

/// The close code of a client without a valid credential.
const UNAUTHORIZED: u16 = 4401;

/// A connected client.
pub(super) struct TestClient<'a> {
    address: &'a ServiceAddress,
    has_token: bool,
    socket: WebSocketStream<Box<dyn ByteStream>>,
    /// How many commands were sent; each has an id of its own.
    sent: u32,
}

impl<'a> TestClient<'a> {
    /// Connects and opens the WebSocket.
    pub(super) async fn connect(address: &'a ServiceAddress, token: Option<&str>) -> Result<Self, Failure> {
        let request = handshake(address, token)?;
        let connection = address.connect().await?;
        let (socket, _) = client_async(request, connection).await.map_err(|error| refused(address, &error))?;
        Ok(Self { address, has_token: token.is_some(), socket, sent: 0 })
    }

    /// Sends a command and waits until it is acknowledged.
    pub(super) async fn must(&mut self, kind: &str, payload: Value) -> Result<(), Failure> {
        self.sent += 1;
        let id = format!("smoke-test-{}", self.sent);
        let message = json!({ "type": kind, "id": id, "payload": payload }).to_string();
        let sent = self.socket.send(Message::text(message)).await;
        sent.map_err(|error| self.broken(&error))?;
        loop {
            let message = self.next().await?;
            if message["id"] == id {
                match message["type"].as_str() {
                    Some("ack") => return Ok(()),
                    _ => return Err(self.unexpected(&format!("{kind} was refused: {}", message["payload"]))),
                }
            }
        }
    }

    /// Waits for a message of a type.
    pub(super) async fn next_of(&mut self, kind: &str) -> Result<Value, Failure> {
        loop {
            let message = self.next().await?;
            match message["type"].as_str() {
                Some(received) if received == kind => return Ok(message),
                Some("error") => return Err(self.unexpected(&format!("the node sent {}", message["payload"]))),
                Some(_) | None => {}
            }
        }
    }

    /// Waits for a tick of a session, and returns the milliseconds that it shows.
    pub(super) async fn next_tick(&mut self, session: &str) -> Result<u64, Failure> {
        loop {
            let message = self.next_of("tick").await?;
            let ticks = message["payload"].as_array().map(Vec::as_slice).unwrap_or_default();
            let tick = ticks.iter().find(|tick| tick["sessionId"] == session);
            if let Some(elapsed) = tick.and_then(|tick| tick["elapsedMs"].as_u64()) {
                return Ok(elapsed);
            }
        }
    }

    /// Closes the WebSocket. The test has its result already, so a failure does not count.
    pub(super) async fn close(mut self) {
        let _ = self.socket.close(None).await;
    }

    async fn next(&mut self) -> Result<Value, Failure> {
        loop {
            let received = match self.socket.next().await {
                Some(received) => received.map_err(|error| self.broken(&error))?,
                None => return Err(self.closed(None)),
            };
            match received {
                Message::Text(text) => {
                    let parsed = serde_json::from_str(&text);
                    return parsed.map_err(|error| self.unexpected(&format!("a message is not JSON: {error}")));
                }
                Message::Close(frame) => return Err(self.closed(frame)),
                Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    fn closed(&self, frame: Option<CloseFrame>) -> Failure {
        let Some(frame) = frame else { return Failure::unavailable(format!("{}: the connection ended", self.address)) };
        let hint = match (u16::from(frame.code), self.has_token) {
            (UNAUTHORIZED, true) => "; the token is not accepted",
            (UNAUTHORIZED, false) => "; a token is required (--token-file), because guests are not admitted",
            _ => "",
        };
        let (code, reason) = (u16::from(frame.code), frame.reason.as_str());
        Failure::unavailable(format!("{}: the node closed the WebSocket: {code} {reason}{hint}", self.address))
    }

    fn broken(&self, error: &Error) -> Failure {
        Failure::unavailable(format!("{}: the connection broke: {error}", self.address))
    }

    fn unexpected(&self, what: &str) -> Failure {
        Failure::data(Vec::new(), format!("{}: {what}", self.address))
    }
}

fn handshake(address: &ServiceAddress, token: Option<&str>) -> Result<Request<()>, Failure> {
    let mut parts = address.uri().clone().into_parts();
    let path = parts.path_and_query.as_ref().map_or("/", |path| path.as_str());
    let separator = if path.contains('?') { '&' } else { '?' };
    // Only this dialect acknowledges with the same messages whatever the credential is.
    let path = format!("{path}{separator}dialect=v1");
    let usage = |reason: &dyn std::fmt::Display| Failure::usage(format!("{address}: {reason}"));
    parts.path_and_query = Some(path.parse().map_err(|error| usage(&error))?);
    let uri = axum::http::Uri::from_parts(parts).map_err(|error| usage(&error))?;
    let mut request = uri.into_client_request().map_err(|error| usage(&error))?;
    if let Some(token) = token {
        let value = HeaderValue::from_str(&format!("Bearer {token}"));
        let value = value.map_err(|_| Failure::no_input("the token has characters that no header can have"))?;
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    Ok(request)
}

fn refused(address: &ServiceAddress, error: &Error) -> Failure {
    let Error::Http(response) = error else {
        return Failure::unavailable(format!("{address}: the WebSocket was not opened: {error}"));
    };
    let hint = match response.status().as_u16() {
        404 => "; the path may be wrong, or Clockit is disabled",
        403 => "; the origin or the credential is not permitted",
        503 => "; the node is full or stopping",
        _ => "",
    };
    Failure::unavailable(format!("{address}: the handshake was answered {}{hint}", response.status()))
}
