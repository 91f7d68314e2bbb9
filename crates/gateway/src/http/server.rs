//! Accepts connections and serves HTTP on them, until they end or become WebSockets.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::middleware::map_response;
use axum::response::Response;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Most connections that are not WebSockets (yet). With `limits.connections` at its default, a process may
/// have 20,000 files open and some are needed for the store.
pub(crate) const CONNECTIONS_MAX: usize = 4096;

/// With more than so many, a connection serves one request: idle ones would keep out others.
const BUSY: usize = CONNECTIONS_MAX / 2;

/// Largest head of a request; a token may have 8 KiB, cookies as much.
const HEAD_BYTES_MAX: usize = 32 * 1024;

/// Pause after a connection that could not be accepted, as when the process has too many files open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop`; then accepts no more and returns when all requests under way are answered. A client
/// that does not send the head of a request within `head_within`, or the next one, is let go.
pub(crate) async fn serve(
    listener: TcpListener,
    routes: Router,
    head_within: Duration,
    stop: impl Future<Output = ()>,
) {
    let routes_when_busy = routes.clone().layer(map_response(close_after));
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let (connections, ending) = (TaskTracker::new(), CancellationToken::new());
    let mut stop = pin!(stop);
    loop {
        let (tcp, permit) = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = accept(&listener, &room) => accepted,
        };
        let is_busy = room.available_permits() < CONNECTIONS_MAX - BUSY;
        let routes = if is_busy { &routes_when_busy } else { &routes };
        let connection = serve_connection(tcp, builder(head_within), routes.clone(), ending.clone());
        connections.spawn(async move {
            connection.await;
            drop(permit);
        });
    }
    drop(listener);
    ending.cancel();
    connections.close();
    connections.wait().await;
}

/// Waits for room and for a client.
async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    let permit = Arc::clone(room).acquire_owned().await.expect("it is never closed");
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

/// Has a connection end with its answer, unless it becomes a WebSocket: without keep-alive hyper would say so in
/// the answer to an upgrade, too, which no client takes.
async fn close_after(mut answer: Response) -> Response {
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        answer.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    }
    answer
}

fn builder(head_within: Duration) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(head_within).max_buf_size(HEAD_BYTES_MAX);
    builder
}

async fn serve_connection(tcp: TcpStream, builder: http1::Builder, routes: Router, ending: CancellationToken) {
    // Without it a tick may wait for the acknowledgement of the one before.
    tcp.set_nodelay(true).ok();
    let connection = builder.serve_connection(TokioIo::new(tcp), TowerToHyperService::new(routes));
    let mut connection = pin!(connection.with_upgrades());
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = ending.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an HTTP connection has failed");
    }
}
