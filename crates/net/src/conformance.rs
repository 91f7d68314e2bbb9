//! An echo server for test suites of the WebSocket protocol. It performs the handshake, reads and writes as the product
//! does.

use std::future::pending;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::routing::get;
use bytes::Bytes;
use tokio::net::TcpListener;

use crate::limits::{ConnectionLimits, SignalTexts};
use crate::server::{self, HttpOptions};
use crate::websocket::{self, CloseReason, Disconnected, WebSocket, WebSocketEvent, frame};

/// Size of the suite's largest message.
const MESSAGE_BYTES: usize = 16 * 1024 * 1024;

/// Rate and burst of messages: more than the suite sends.
const UNLIMITED_MESSAGES: usize = 1_000_000_000;

/// Sends back each message, for ever.
pub async fn echo(listener: TcpListener) {
    let limits = ConnectionLimits {
        messages_per_second: UNLIMITED_MESSAGES,
        message_burst: UNLIMITED_MESSAGES,
        message_bytes: MESSAGE_BYTES,
        signals: SignalTexts::NONE,
    };
    let within = Duration::from_secs(30);
    let options = HttpOptions { timeout: within, keep_alive: within, head_bytes: 32 * 1024, acceptor: None };
    let accept = move |request: Request| async move {
        websocket::accept(
            request,
            &limits,
            |task| drop(tokio::spawn(task)),
            |socket| async move {
                let reason = echo_messages(socket).await;
                tracing::debug!(?reason, "a socket is closed");
            },
        )
    };
    server::serve(listener, Router::new().route("/", get(accept)), options, pending()).await;
}

async fn echo_messages(mut socket: WebSocket) -> Option<CloseReason> {
    loop {
        let result = match socket.next().await {
            Ok(WebSocketEvent::Control) => socket.flush().await,
            // There are none.
            Ok(WebSocketEvent::Signal { .. }) => Ok(()),
            Ok(WebSocketEvent::Text(text)) => write(&mut socket, frame::text(&text)).await,
            Ok(WebSocketEvent::Binary(bytes)) => write(&mut socket, frame::binary(&bytes)).await,
            Err(disconnected) => Err(disconnected),
        };
        match result {
            Ok(()) => {}
            Err(Disconnected::Broken) => return None,
            Err(Disconnected::Close(reason)) => {
                socket.close(&reason).await;
                return Some(reason);
            }
        }
    }
}

async fn write(socket: &mut WebSocket, frame: Bytes) -> Result<(), Disconnected> {
    socket.write(&[frame])?;
    socket.flush().await
}
