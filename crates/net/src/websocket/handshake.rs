//! The handshake: from an HTTP request to a socket.

use std::future::Future;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::http_error::error;
use crate::limits::ConnectionLimits;
use crate::stream::{ClientStream, WriteTimeout};
use crate::websocket::WebSocket;

/// The subprotocol that the server selects if the client offers it.
pub const SUBPROTOCOL: &str = "tickcast";

/// Prefix of an offered subprotocol that carries a token. The server never selects such a subprotocol.
pub const TOKEN_SUBPROTOCOL_PREFIX: &str = "bearer.";

/// Answers an upgrade request and passes the socket to `serve`, in a task that `spawn` starts.
pub fn accept<F>(
    request: Request,
    limits: &ConnectionLimits,
    spawn: impl FnOnce(BoxFuture<'static, ()>),
    serve: impl FnOnce(WebSocket) -> F + Send + 'static,
) -> Response
where
    F: Future<Output = ()> + Send,
{
    let limits = *limits;
    upgrade(request, spawn, move |stream, received| async move {
        serve(WebSocket::new(stream, received, &limits).await).await;
    })
}

/// Answers an upgrade request and passes the byte stream below the WebSocket, and the bytes received so far, to
/// `serve`.
pub(crate) fn upgrade<F>(
    mut request: Request,
    spawn: impl FnOnce(BoxFuture<'static, ()>),
    serve: impl FnOnce(ClientStream, Vec<u8>) -> F + Send + 'static,
) -> Response
where
    F: Future<Output = ()> + Send,
{
    let key = match check(request.headers()) {
        Ok(key) => derive_accept_key(key.as_bytes()),
        Err(reason) => {
            let mut refused = error(StatusCode::UPGRADE_REQUIRED, "Upgrade required", reason);
            refused.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            return refused;
        }
    };
    let subprotocol = match select_subprotocol(request.headers()) {
        Ok(subprotocol) => subprotocol,
        Err(reason) => return error(StatusCode::BAD_REQUEST, "Bad request", reason),
    };
    let upgrade = hyper::upgrade::on(&mut request);
    spawn(Box::pin(async move {
        let upgraded = match upgrade.await {
            Ok(upgraded) => upgraded,
            Err(error) => {
                tracing::debug!(%error, "a client disconnected during the handshake");
                return;
            }
        };
        let Ok(parts) = upgraded.downcast::<TokioIo<WriteTimeout>>() else {
            tracing::error!("a WebSocket was upgraded from an unknown kind of stream");
            return;
        };
        // A copy, because the original would keep hyper's whole read buffer alive.
        let received = parts.read_buf.to_vec();
        drop(parts.read_buf);
        serve(parts.io.into_inner().into_inner(), received).await;
    }));
    let headers = [
        (header::CONNECTION, "upgrade".to_owned()),
        (header::UPGRADE, "websocket".to_owned()),
        (header::SEC_WEBSOCKET_ACCEPT, key),
    ];
    let mut answer = (StatusCode::SWITCHING_PROTOCOLS, headers).into_response();
    if let Some(subprotocol) = subprotocol {
        answer.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(subprotocol));
    }
    answer
}

/// Selects the subprotocol if the client offers it. An offered token is not sent back, so a client that offers one must
/// offer the subprotocol too: a browser rejects an answer that selects none of its offers.
fn select_subprotocol(headers: &HeaderMap) -> Result<Option<&'static str>, &'static str> {
    let offers = |matches: fn(&str) -> bool| {
        let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
        offered.flat_map(|value| value.split(',')).any(|protocol| matches(protocol.trim()))
    };
    let offers_token = offers(|protocol| protocol.starts_with(TOKEN_SUBPROTOCOL_PREFIX));
    match (offers(|protocol| protocol == SUBPROTOCOL), offers_token) {
        (true, _) => Ok(Some(SUBPROTOCOL)),
        (false, true) => Err("offer the subprotocol tickcast beside the one with the token"),
        (false, false) => Ok(None),
    }
}

/// Checks an upgrade request; returns its key.
fn check(headers: &HeaderMap) -> Result<String, &'static str> {
    let has = |name: HeaderName, word: &str| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(word))
    };
    if !has(header::UPGRADE, "websocket") || !has(header::CONNECTION, "upgrade") {
        return Err("this route requires a WebSocket handshake");
    }
    if !has(header::SEC_WEBSOCKET_VERSION, "13") {
        return Err("this route requires WebSocket version 13");
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).and_then(|key| key.to_str().ok());
    match key.map(str::trim) {
        // 16 bytes in base64.
        Some(key) if key.len() == 24 && key.ends_with("==") => Ok(key.to_owned()),
        Some(_) | None => Err("the header sec-websocket-key is missing or invalid"),
    }
}
