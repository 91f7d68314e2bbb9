//! From an HTTP request to a socket.

use std::future::Future;
use std::pin::Pin;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::auth::BEARER_PROTOCOL;
use crate::config::LimitSettings;
use crate::http::error::error;
use crate::stream::{Patient, Stream};
use crate::ws::socket::Socket;

/// The protocol that is picked where a client offers some.
const PROTOCOL: &str = "tickcast";

/// Answers an upgrade and hands the socket to `serve` in a task of its own, which `spawn` starts.
pub(crate) fn accept<F>(
    request: Request,
    limits: &LimitSettings,
    spawn: impl FnOnce(Pin<Box<dyn Future<Output = ()> + Send>>),
    serve: impl FnOnce(Socket) -> F + Send + 'static,
) -> Response
where
    F: Future<Output = ()> + Send,
{
    let limits = limits.clone();
    upgrade(request, spawn, move |stream, leftover| async move {
        serve(Socket::new(stream, leftover, &limits).await).await;
    })
}

/// Answers an upgrade and hands what is below the WebSocket, and the bytes that came already, to `serve`.
pub(crate) fn upgrade<F>(
    mut request: Request,
    spawn: impl FnOnce(Pin<Box<dyn Future<Output = ()> + Send>>),
    serve: impl FnOnce(Stream, Vec<u8>) -> F + Send + 'static,
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
    let protocol = match protocol(request.headers()) {
        Ok(protocol) => protocol,
        Err(reason) => return error(StatusCode::BAD_REQUEST, "Bad request", reason),
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
        let Ok(parts) = upgraded.downcast::<TokioIo<Patient>>() else {
            tracing::error!("a WebSocket came over something else than a stream of ours");
            return;
        };
        // The leftover is copied: the original would hold on to all of hyper's read buffer.
        let leftover = parts.read_buf.to_vec();
        drop(parts.read_buf);
        serve(parts.io.into_inner().into_inner(), leftover).await;
    }));
    let headers = [
        (header::CONNECTION, "upgrade".to_owned()),
        (header::UPGRADE, "websocket".to_owned()),
        (header::SEC_WEBSOCKET_ACCEPT, key),
    ];
    let mut answer = (StatusCode::SWITCHING_PROTOCOLS, headers).into_response();
    if let Some(protocol) = protocol {
        answer.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
    }
    answer
}

/// Picks the protocol that is spoken, if the client offers it. A token that is offered beside it is not sent back, and a
/// browser takes no answer that picks none of those that it offers.
fn protocol(headers: &HeaderMap) -> Result<Option<&'static str>, &'static str> {
    let offers = |fits: fn(&str) -> bool| {
        let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
        offered.flat_map(|value| value.split(',')).any(|protocol| fits(protocol.trim()))
    };
    match (offers(|protocol| protocol == PROTOCOL), offers(|protocol| protocol.starts_with(BEARER_PROTOCOL))) {
        (true, _) => Ok(Some(PROTOCOL)),
        (false, true) => Err("offer the protocol tickcast beside the one with the token"),
        (false, false) => Ok(None),
    }
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
