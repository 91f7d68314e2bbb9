//! The Socket.IO server of a node: its limits, and the start of each connection.

use std::net::IpAddr;
use std::sync::Arc;

use access::Identity;
use axum::Router;
use axum::http::request::Parts;
use axum::response::Response;
use futures_util::future::BoxFuture;
use net::limits::{NetLimit, NetObserver, SignalTexts};
use net::proxy::client_address;
use net::socketio::{Socket, SocketIoHandler, SocketIoOptions, SocketIoServer};
use net::websocket::{CloseReason, Disconnected};

use crate::http::error::{full, stopping};
use crate::node::Node;
use crate::session::connections::{ConnectionInfo, LimitReached};
use crate::session::socketio::authentication::ConnectRequest;
use crate::session::socketio::connection::SocketIoConnection;
use crate::systems;

/// Returns the routes of Socket.IO; no routes if no enabled system has events.
pub(crate) fn routes(node: &Arc<Node>) -> Router<Arc<Node>> {
    let Some(dialect) = systems::event_dialect(&node.settings.systems) else { return Router::new() };
    let options = SocketIoOptions {
        heartbeat: node.settings.heartbeat,
        limits: node.settings.limits.of_connection(SignalTexts::NONE),
        request_timeout: node.settings.limits.request_within,
        proxy: node.settings.public.proxy.clone(),
    };
    let handler = Arc::new(Handler { node: Arc::clone(node), dialect });
    SocketIoServer::new(options, handler).routes()
}

struct Handler {
    node: Arc<Node>,
    /// The dialect under which messages of the namespace are counted.
    dialect: &'static str,
}

impl NetObserver for Handler {
    fn refused(&self, limit: NetLimit) {
        self.node.metrics.refused(limit.into());
    }
}

impl SocketIoHandler for Handler {
    fn admit(&self, address: IpAddr) -> Result<(), Box<Response>> {
        if self.node.drain.is_leaving() {
            return Err(Box::new(stopping(&self.node)));
        }
        self.node.connections.check_capacity(address).map_err(|limit| Box::new(full(&self.node, limit)))
    }

    fn connected(&self, socket: Socket, head: &Parts) {
        let node = Arc::clone(&self.node);
        let address = client_address(&head.extensions, &head.headers, &node.settings.public.proxy);
        let since = node.engine.clock().now();
        let info = ConnectionInfo { transport: self.dialect, address, since };
        // An unauthenticated connection counts like any other.
        let guard = node.connections.enter(&Identity::guest(), info);
        match guard {
            Ok(guard) => {
                let request = ConnectRequest::of(head);
                let connection = SocketIoConnection::new(Arc::clone(&node), socket, request, guard);
                node.drain.spawn(connection.run());
            }
            Err(limit) => {
                node.metrics.refused(limit.into());
                let is_node_full = limit == LimitReached::Node;
                let reason = if is_node_full { CloseReason::overloaded() } else { CloseReason::TooManyConnections };
                node.drain.spawn(async move { socket.close(Disconnected::Close(reason)).await });
            }
        }
    }

    fn closed(&self, reason: Option<&CloseReason>) {
        match reason {
            Some(reason) => self.node.metrics.closed(reason),
            None => self.node.metrics.broke(),
        }
    }

    fn message_received(&self) {
        self.node.metrics.message_received(self.dialect);
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.node.drain.spawn(task);
    }
}
