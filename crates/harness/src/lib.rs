//! Test fixtures: servers and nodes as processes on free loopback ports, and clients with timeouts. The crate
//! uses Tickcast only from outside. A failing fixture panics and thereby fails its test.

#![allow(clippy::unwrap_used, reason = "a fixture fails its test when it cannot continue")]

mod client;
mod clock;
mod collector;
mod endpoint;
pub mod http;
mod metrics;
mod network;
pub mod next_auth;
mod node;
mod port;
mod program;
mod proxy;
mod redis;
mod site;
mod socketio;
mod tls;
mod tls_front;
mod tunnel;
mod wait;
pub mod web_session;

pub use client::Client;
pub use clock::MovableClock;
pub use collector::{Collector, ExportedSpan};
pub use endpoint::Endpoint;
pub use metrics::Metrics;
pub use network::{PacketLoss, command_in_own_network, enter_own_network, is_in_own_network};
pub use node::{NO_MESSAGE_LIMIT, Node, binary};
pub use port::free_port;
pub use program::{Running, program};
pub use proxy::{Pipe, Proxy};
pub use redis::{DURABLE, RedisCluster, RedisServer, RedisWithSentinels, Reply, redis_replies};
pub use site::Site;
pub use socketio::SocketIo;
pub use tls::Certificates;
pub use tls_front::TlsFront;
pub use tunnel::Tunnel;
pub use wait::{DEADLINE, wait_for, wait_until};
pub use web_session::WebSession;
