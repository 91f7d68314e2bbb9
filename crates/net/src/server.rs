//! The accept loop and the HTTP/1.1 server on its connections, until they close or become WebSockets.

mod acceptor;
mod closing_listener;

use std::future::{Future, pending};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::middleware::map_response;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::stream::WriteTimeout;
use acceptor::AcceptedConnection;
use closing_listener::{HANDSHAKES_WITHIN, refuse_new_connections};

pub use acceptor::Acceptor;

/// Most connections of one listener that are not WebSockets (yet). Together with 15,000 WebSockets they leave file
/// descriptors for the store in a process that may open 20,000.
pub const HTTP_CONNECTIONS_MAX: usize = 4096;

/// Above this number, a connection serves one request only, because idle connections would keep out others.
const KEEP_ALIVE_MAX: usize = HTTP_CONNECTIONS_MAX / 2;

/// Pause after a failed accept, for example when the process has too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a connection without a request is kept when the server stops: its client may have sent one already, and a
/// load balancer does not repeat a POST that was sent.
const FIRST_REQUEST_WITHIN: Duration = Duration::from_secs(1);

/// Options of the HTTP server.
#[derive(Clone)]
pub struct HttpOptions {
    /// Time within which a client must send its first request head, or accept some bytes of an answer.
    pub timeout: Duration,
    /// Time within which the client of a kept connection must send the next request head; at least `timeout`.
    pub keep_alive: Duration,
    /// Size of the largest request head.
    pub head_bytes: usize,
    /// Prepares each connection; `None` on a port for operators.
    pub acceptor: Option<Arc<Acceptor>>,
}

impl HttpOptions {
    fn builder(&self) -> http1::Builder {
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(self.keep_alive.max(self.timeout));
        // The size of the buffer alone does not bound a head: one read may exceed it.
        builder.max_header_size(self.head_bytes).max_buf_size(self.head_bytes);
        builder
    }
}

/// Serves requests until `stop` completes; then closes the listener and returns when all requests in flight are
/// answered. A connection that was opened before is served, and others are refused.
///
/// Closes the connection of a client that does not send a request head, or the next one, in time.
pub async fn serve(listener: TcpListener, routes: Router, options: HttpOptions, stop: impl Future<Output = ()>) {
    let routes_without_keep_alive = routes.clone().layer(map_response(async |answer| disable_keep_alive(answer)));
    let permits = Arc::new(Semaphore::new(HTTP_CONNECTIONS_MAX));
    let (connections, shutdown) = (TaskTracker::new(), CancellationToken::new());
    let serve_accepted = |(tcp, permit)| {
        let is_busy = permits.available_permits() < HTTP_CONNECTIONS_MAX - KEEP_ALIVE_MAX;
        let routes = if is_busy { &routes_without_keep_alive } else { &routes };
        let connection = serve_connection(tcp, options.clone(), routes.clone(), shutdown.clone());
        connections.spawn(async move {
            connection.await;
            drop(permit);
        });
    };
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = accept(&listener, &permits) => serve_accepted(accepted),
        }
    }
    match refuse_new_connections(&listener) {
        Ok(()) => {
            let mut handshakes_end = pin!(sleep(HANDSHAKES_WITHIN));
            loop {
                tokio::select! {
                    biased;
                    accepted = accept(&listener, &permits) => serve_accepted(accepted),
                    () = &mut handshakes_end => break,
                }
            }
        }
        Err(error) => tracing::debug!(%error, "connections that wait to be accepted are reset"),
    }
    drop(listener);
    shutdown.cancel();
    connections.close();
    connections.wait().await;
}

/// Waits for a permit and for a client.
async fn accept(listener: &TcpListener, permits: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    let permit = Arc::clone(permits).acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((tcp, _)) => return (tcp, permit),
            Err(error) => {
                tracing::warn!(%error, "a connection can't be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Makes a connection close after an answer, unless it becomes a WebSocket. Hyper's own option would add
/// `connection: close` to the answer of an upgrade too, which no client accepts.
pub fn disable_keep_alive(mut answer: Response) -> Response {
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        answer.headers_mut().append(header::CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// Waits for the end of the time within which a connection must send its first request head, and forever if it has sent
/// one.
async fn first_request_missed(timeout: Duration, had_request: &AtomicBool) {
    sleep(timeout).await;
    if had_request.load(Ordering::Relaxed) {
        pending::<()>().await;
    }
}

/// Waits until the server has stopped, and a new connection had time to send its first request.
async fn stopped(shutdown: &CancellationToken, had_request: &AtomicBool) {
    shutdown.cancelled().await;
    if !had_request.load(Ordering::Relaxed) {
        sleep(FIRST_REQUEST_WITHIN).await;
    }
}

async fn serve_connection(tcp: TcpStream, options: HttpOptions, routes: Router, shutdown: CancellationToken) {
    // With Nagle's algorithm a tick may wait for the acknowledgement of the previous one.
    tcp.set_nodelay(true).ok();
    let had_request = Arc::new(AtomicBool::new(false));
    let accepted = match &options.acceptor {
        None => AcceptedConnection::plain(tcp),
        Some(acceptor) => tokio::select! {
            accepted = acceptor.accept(tcp) => accepted,
            () = stopped(&shutdown, &had_request) => None,
        },
    };
    let Some(AcceptedConnection { stream, peer, permit: _permit }) = accepted else { return };
    let routes = TowerToHyperService::new(routes);
    let has_request = Arc::clone(&had_request);
    let service = service_fn(move |mut request: Request<Incoming>| {
        has_request.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(peer);
        routes.call(request)
    });
    let stream = WriteTimeout::new(stream, options.timeout);
    let connection = options.builder().serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection.with_upgrades());
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = first_request_missed(options.timeout, &had_request) => {
            if let Some(acceptor) = &options.acceptor {
                acceptor.record_missed_request();
            }
            return;
        }
        () = stopped(&shutdown, &had_request) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    let Err(error) = result else { return };
    tracing::debug!(%error, "an HTTP connection has failed");
    if let Some(acceptor) = &options.acceptor {
        acceptor.record_failure(&error);
    }
}
