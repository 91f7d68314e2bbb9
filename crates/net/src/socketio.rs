//! A Socket.IO server (protocol 5): Engine.IO transports packets by long polling or WebSocket. It serves the namespace
//! `/` and text payloads only.

mod encoded_packet;
pub mod packet;
mod polling;
mod server;
mod session;
mod socket;
mod upgrade;

use std::net::IpAddr;
use std::time::Duration;

use axum::http::request::Parts;
use axum::response::Response;
use futures_util::future::BoxFuture;

use crate::limits::{ConnectionLimits, NetObserver};
use crate::proxy::ProxyOptions;
use crate::websocket::{CloseReason, HeartbeatOptions};

pub use encoded_packet::EncodedPacket;
pub use packet::Packet;
pub use server::SocketIoServer;
pub use socket::{PacketSender, Socket};

/// Options of a [`SocketIoServer`].
#[derive(Clone, Debug)]
pub struct SocketIoOptions {
    /// Intervals of the heartbeat.
    pub heartbeat: HeartbeatOptions,
    /// Limits of one client, whatever its transport.
    pub limits: ConnectionLimits,
    /// Time within which the body of a long-polling request must arrive, and within which earlier packets must have
    /// been processed before it is refused.
    pub request_timeout: Duration,
    /// The proxies in front of the node.
    pub proxy: ProxyOptions,
}

/// What a [`SocketIoServer`] reports to its user.
pub trait SocketIoHandler: NetObserver {
    /// Decides whether a client from an address may open a session.
    ///
    /// # Errors
    /// The answer to send instead.
    fn admit(&self, address: IpAddr) -> Result<(), Box<Response>>;

    /// Serves a client that has opened a session by a request with this head. Must return at once; the socket moves into a
    /// task.
    fn connected(&self, socket: Socket, head: &Parts);

    /// Records that a session has ended; `None` if its connection broke.
    fn closed(&self, reason: Option<&CloseReason>);

    /// Records that a message was received.
    fn message_received(&self);

    /// Runs a task of a connection; a graceful stop waits for it.
    fn spawn(&self, task: BoxFuture<'static, ()>);
}
