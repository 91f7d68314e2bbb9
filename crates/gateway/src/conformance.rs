//! A server that sends back what it is sent, for the suites that test WebSockets: the same handshake, reading and
//! writing as the product's.

use std::future::pending;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::config::LimitSettings;
use crate::http::server::{self, Manners};
use crate::ws::{self, Closing, Gone, Incoming, Socket, frame};

/// The suite's largest message.
const MESSAGE_BYTES: usize = 16 * 1024 * 1024;

/// The suite says more than people do.
const TALKATIVE: usize = 1_000_000_000;

/// Serves for ever.
pub async fn echo(listener: TcpListener) {
    let within = Duration::from_secs(30);
    let limits = LimitSettings {
        connections: 100,
        connections_per_user: 100,
        connections_per_address: 100,
        addresses_exempt: Vec::new(),
        messages_per_second: TALKATIVE,
        message_burst: TALKATIVE,
        message_bytes: MESSAGE_BYTES,
        head_bytes: 32 * 1024,
        request_within: within,
    };
    let manners = Manners { head_within: within, head_bytes: limits.head_bytes, entrance: None };
    let accept = move |request: Request| async move {
        ws::accept(
            request,
            &limits,
            |task| drop(tokio::spawn(task)),
            |socket| async move {
                let closing = send_back(socket).await;
                tracing::debug!(?closing, "a socket is closed");
            },
        )
    };
    server::serve(listener, Router::new().route("/", get(accept)), manners, pending()).await;
}

async fn send_back(mut socket: Socket) -> Option<Closing> {
    loop {
        let sent_back = match socket.next().await {
            Ok(Incoming::Alive) => socket.flush().await,
            Ok(Incoming::Text(text)) => write(&mut socket, frame::text(&text)).await,
            Ok(Incoming::Binary(bytes)) => write(&mut socket, frame::binary(&bytes)).await,
            Err(gone) => Err(gone),
        };
        match sent_back {
            Ok(()) => {}
            Err(Gone::Broken) => return None,
            Err(Gone::Close(closing)) => {
                socket.close(&closing).await;
                return Some(closing);
            }
        }
    }
}

async fn write(socket: &mut Socket, frame: bytes::Bytes) -> Result<(), Gone> {
    socket.put(&[frame])?;
    socket.flush().await
}
