//! The handshake: from an HTTP request to a socket.

use std::future::Future;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::http_error::error;
use crate::limits::ConnectionLimits;
use crate::stream::WriteTimeout;
use crate::websocket::WebSocket;

/// The subprotocol that the server selects if the client offers it.
pub const SUBPROTOCOL: &str = "tickcast";

/// Prefix of an offered subprotocol that carries a token. The server never selects such a subprotocol.
pub const TOKEN_SUBPROTOCOL_PREFIX: &str = "bearer.";

/// The version of the protocol (RFC 6455).
const VERSION: &str = "13";

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
    match Handshake::of(request) {
        Ok(handshake) => handshake.accept(limits, spawn, serve),
        Err(refused) => *refused,
    }
}

/// A valid upgrade request that is not answered yet.
pub(crate) struct Handshake {
    request: Request,
    accept_key: String,
    subprotocol: Option<&'static str>,
}

impl Handshake {
    /// Checks an upgrade request.
    ///
    /// # Errors
    /// The answer to send instead: 426, or 400 for subprotocols of which none can be selected.
    pub(crate) fn of(request: Request) -> Result<Self, Box<Response>> {
        let key = check(&request).map_err(|reason| Box::new(upgrade_required(reason)))?;
        let accept_key = derive_accept_key(key.as_bytes());
        let subprotocol = select_subprotocol(request.headers())
            .map_err(|reason| Box::new(error(StatusCode::BAD_REQUEST, "Bad request", reason)))?;
        Ok(Self { request, accept_key, subprotocol })
    }

    /// Returns the request.
    pub(crate) fn request(&self) -> &Request {
        &self.request
    }

    /// Answers the request, and passes the socket to `serve`, in a task that `spawn` starts.
    pub(crate) fn accept<F>(
        self,
        limits: &ConnectionLimits,
        spawn: impl FnOnce(BoxFuture<'static, ()>),
        serve: impl FnOnce(WebSocket) -> F + Send + 'static,
    ) -> Response
    where
        F: Future<Output = ()> + Send,
    {
        let Self { mut request, accept_key, subprotocol } = self;
        let upgrade = hyper::upgrade::on(&mut request);
        let limits = *limits;
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
            serve(WebSocket::new(parts.io.into_inner().into_inner(), received, &limits)).await;
        }));
        let headers = [
            (header::CONNECTION, "upgrade".to_owned()),
            (header::UPGRADE, "websocket".to_owned()),
            (header::SEC_WEBSOCKET_ACCEPT, accept_key),
        ];
        let mut answer = (StatusCode::SWITCHING_PROTOCOLS, headers).into_response();
        if let Some(subprotocol) = subprotocol {
            answer.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(subprotocol));
        }
        answer
    }
}

/// Refuses a request, and names the protocol and its version that the route requires (RFC 9110 §15.5.22, RFC 6455 §4.4).
fn upgrade_required(reason: &str) -> Response {
    let headers =
        [(header::CONNECTION, "upgrade"), (header::UPGRADE, "websocket"), (header::SEC_WEBSOCKET_VERSION, VERSION)];
    (headers, error(StatusCode::UPGRADE_REQUIRED, "Upgrade required", reason)).into_response()
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
fn check(request: &Request) -> Result<&str, &'static str> {
    let headers = request.headers();
    let has = |name: HeaderName, word: &str| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(word))
    };
    let is_upgrade = has(header::UPGRADE, "websocket") && has(header::CONNECTION, "upgrade");
    // HTTP/1.0 has no upgrade: a proxy that speaks it would not forward the frames.
    if !is_upgrade || request.method() != Method::GET || request.version() < Version::HTTP_11 {
        return Err("this route requires a WebSocket handshake, by GET over HTTP/1.1");
    }
    if !has(header::SEC_WEBSOCKET_VERSION, VERSION) {
        return Err("this route requires WebSocket version 13");
    }
    let key = headers.get(header::SEC_WEBSOCKET_KEY).and_then(|key| key.to_str().ok());
    match key.map(str::trim) {
        // 16 bytes in base64.
        Some(key) if key.len() == 24 && key.ends_with("==") => Ok(key),
        Some(_) | None => Err("the header sec-websocket-key is missing or invalid"),
    }
}
