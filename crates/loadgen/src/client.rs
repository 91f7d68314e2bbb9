//! One connection: starts a timer and writes down when each tick came.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use wire::clockit::Dialect;

use crate::arguments::Arguments;

/// What one connection has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Elapsed time shown by each tick, ms.
    pub(crate) shown_ms: Vec<u64>,
    /// How late each tick came after its second, ms.
    pub(crate) late_ms: Vec<u64>,
}

/// Follows one timer for the span of the run.
pub(crate) async fn follow(arguments: Arguments, nth: usize) -> Result<Seen> {
    let tcp = TcpStream::connect(&arguments.address).await.with_context(|| arguments.address.clone())?;
    tcp.set_nodelay(true)?;
    let dialect = match arguments.dialect {
        Dialect::Seed => "seed",
        Dialect::V1 => "v1",
    };
    let url = format!("ws://{}/session?userId=load-{nth}&dialect={dialect}", arguments.address);
    let (mut socket, _) = client_async(url, tcp).await?;
    let start = json!({ "type": "session-start", "payload": { "sessionId": "load", "label": "load" } });
    socket.send(Message::text(start.to_string())).await?;
    let end = Instant::now() + arguments.span;
    let mut seen = Seen::default();
    let mut started_at = 0;
    while let Ok(message) = timeout_at(end, socket.next()).await {
        let text = match message.context("the server closed the connection")?? {
            Message::Text(text) => text,
            Message::Close(frame) => bail!("closed: {frame:?}"),
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
        };
        let message: Value = serde_json::from_str(&text)?;
        let payload = &message["payload"];
        let first = if payload.is_array() { &payload[0] } else { payload };
        match message["type"].as_str() {
            Some("tick") => {
                let elapsed = first["elapsedMs"].as_u64().context("a tick without elapsedMs")?;
                seen.shown_ms.push(elapsed);
                seen.late_ms.push(now_ms().saturating_sub(started_at + elapsed));
            }
            Some("session-snapshot" | "session-update" | "ready") => {
                let accumulated = first["accumulatedMs"].as_u64().unwrap_or(0);
                started_at = first["startedAt"].as_u64().unwrap_or(0).saturating_sub(accumulated);
            }
            Some("error") => bail!("{message}"),
            Some(_) | None => {}
        }
    }
    Ok(seen)
}

/// The clock of this machine, which is the server's too when both run on it.
fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
