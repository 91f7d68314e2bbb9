//! Socket.IO connections: one task for each client, and one handler for each system. All systems share the namespace `/`.

mod authentication;
mod connection;
mod delivery;
mod handler;
mod outbox;
mod server;
mod time_limits;

pub(crate) use handler::{Ack, Begun, Client, EventHandler, RequestFuture, RequestResult, packet_of};
pub(crate) use outbox::Outbox;
pub(crate) use server::routes;
