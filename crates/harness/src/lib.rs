//! Real parts for tests: servers and nodes as processes on free loopback ports, clients with patience. It
//! knows Tickcast only from outside. What goes wrong in it fails the test that uses it, by a panic.

#![allow(clippy::unwrap_used, reason = "a fixture that cannot go on fails its test")]

mod client;
mod clock;
mod collector;
mod figures;
pub mod http;
mod node;
mod port;
mod program;
mod proxy;
mod redis;
mod site;
mod socketio;
mod tls;
mod tunnel;
mod wait;

pub use client::Client;
pub use clock::MovableClock;
pub use collector::{Collector, Traced};
pub use figures::Figures;
pub use node::{Node, TALKATIVE, binary};
pub use port::free_port;
pub use program::{Running, program};
pub use proxy::{Proxy, Way};
pub use redis::{DURABLE, RedisCluster, RedisServer, RedisWithSentinels, Reply};
pub use site::Site;
pub use socketio::SocketIo;
pub use tls::Certificates;
pub use tunnel::Tunnel;
pub use wait::{DEADLINE, wait_for, wait_until};
