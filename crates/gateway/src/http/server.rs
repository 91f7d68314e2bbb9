//! Accepts connections and serves HTTP on them, until they end or become WebSockets.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::{Request, StatusCode, header};
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

use crate::http::entrance::{Entered, Entrance};
use crate::stream::Patient;

/// Most connections that are not WebSockets (yet). With `limits.connections` at its default, a process may
/// have 20,000 files open and some are needed for the store.
pub(crate) const CONNECTIONS_MAX: usize = 4096;

/// With more than so many, a connection serves one request: idle ones would keep out others.
const BUSY: usize = CONNECTIONS_MAX / 2;

/// Pause after a connection that could not be accepted, as when the process has too many files open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What is asked of connections.
#[derive(Clone)]
pub(crate) struct Manners {
    /// How long a client may take to send the head of a request, or the next one, or to take some of an answer.
    pub(crate) head_within: Duration,
    /// Largest head of a request.
    pub(crate) head_bytes: usize,
    /// What a connection passes before; nothing on a port for those who run the node.
    pub(crate) entrance: Option<Arc<Entrance>>,
}

impl Manners {
    fn builder(&self) -> http1::Builder {
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(self.head_within).max_buf_size(self.head_bytes);
        builder
    }
}

/// Serves until `stop`; then accepts no more and returns when all requests under way are answered. A client
/// that does not send the head of a request in time, or the next one, is let go.
pub(crate) async fn serve(listener: TcpListener, routes: Router, manners: Manners, stop: impl Future<Output = ()>) {
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
        let connection = serve_connection(tcp, manners.clone(), routes.clone(), ending.clone());
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

async fn serve_connection(tcp: TcpStream, manners: Manners, routes: Router, ending: CancellationToken) {
    // Without it a tick may wait for the acknowledgement of the one before.
    tcp.set_nodelay(true).ok();
    let entered = match &manners.entrance {
        None => Entered::at_once(tcp),
        Some(entrance) => tokio::select! {
            entered = entrance.admit(tcp) => entered,
            () = ending.cancelled() => None,
        },
    };
    let Some(Entered { stream, peer, counted: _counted }) = entered else { return };
    let routes = TowerToHyperService::new(routes);
    let has_asked = Arc::new(AtomicBool::new(false));
    let asks = Arc::clone(&has_asked);
    let service = service_fn(move |mut request: Request<Incoming>| {
        asks.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(peer);
        routes.call(request)
    });
    let stream = Patient::new(stream, manners.head_within);
    let connection = manners.builder().serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection.with_upgrades());
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = ending.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    let Err(error) = ended else { return };
    tracing::debug!(%error, "an HTTP connection has failed");
    if let Some(entrance) = &manners.entrance {
        entrance.failed(&error, has_asked.load(Ordering::Relaxed));
    }
}
