//! From an HTTP request to a socket.

use std::future::Future;
use std::pin::Pin;

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::http::error::error;
use crate::ws::socket::Socket;

/// Answers an upgrade and hands the socket to `serve` in a task of its own, which `spawn` starts.
pub(crate) fn accept<F>(
    request: Request,
    message_bytes_max: usize,
    spawn: impl FnOnce(Pin<Box<dyn Future<Output = ()> + Send>>),
    serve: impl FnOnce(Socket) -> F + Send + 'static,
) -> Response
where
    F: Future<Output = ()> + Send,
{
    upgrade(request, spawn, move |tcp, leftover| async move {
        serve(Socket::new(tcp, leftover, message_bytes_max).await).await;
    })
}

/// Answers an upgrade and hands what is below the WebSocket, and the bytes that came already, to `serve`.
pub(crate) fn upgrade<F>(
    mut request: Request,
    spawn: impl FnOnce(Pin<Box<dyn Future<Output = ()> + Send>>),
    serve: impl FnOnce(TcpStream, Vec<u8>) -> F + Send + 'static,
) -> Response
where
    F: Future<Output = ()> + Send,
{
    let key = match check(request.headers()) {
        Ok(key) => derive_accept_key(key.as_bytes()),
        Err(reason) => {
            let mut refused = error(StatusCode::UPGRADE_REQUIRED, "Upgrade required", reason);
            refused.headers_mut().insert(header::UPGRADE, header::HeaderValue::from_static("websocket"));
            return refused;
        }
    };
    let upgrade = hyper::upgrade::on(&mut request);
    spawn(Box::pin(async move {
        let upgraded = match upgrade.await {
            Ok(upgraded) => upgraded,
            Err(error) => {
                tracing::debug!(%error, "a client left during the handshake");
                return;
            }
        };
        let Ok(parts) = upgraded.downcast::<TokioIo<TcpStream>>() else {
            tracing::error!("a WebSocket came over something else than TCP");
            return;
        };
        // The leftover is copied: the original would hold on to all of hyper's read buffer.
        let leftover = parts.read_buf.to_vec();
        drop(parts.read_buf);
        serve(parts.io.into_inner(), leftover).await;
    }));
    let headers = [
        (header::CONNECTION, "upgrade".to_owned()),
        (header::UPGRADE, "websocket".to_owned()),
        (header::SEC_WEBSOCKET_ACCEPT, key),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

fn check(headers: &HeaderMap) -> Result<String, &'static str> {
    let has = |name: header::HeaderName, word: &str| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(word))
    };
    if !has(header::UPGRADE, "websocket") || !has(header::CONNECTION, "upgrade") {
        return Err("this address speaks WebSocket");
    }
    if !has(header::SEC_WEBSOCKET_VERSION, "13") {
        return Err("this address speaks WebSocket version 13");
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).and_then(|key| key.to_str().ok());
    match key.map(str::trim) {
        // 16 bytes in base64.
        Some(key) if key.len() == 24 && key.ends_with("==") => Ok(key.to_owned()),
        Some(_) | None => Err("the header sec-websocket-key is missing or wrong"),
    }
}
