//! A client's session, whatever the system: its connection, its authentication, its requests and what it is sent.

pub(crate) mod client_link;
mod connection;
pub(crate) mod connection_signals;
pub(crate) mod connections;
pub(crate) mod fault;
pub(crate) mod random_ids;
pub(crate) mod render;
pub(crate) mod repeat;
pub(crate) mod request_task;
pub(crate) mod socketio;
mod tick_subscriber;
mod time_validity;
pub(crate) mod websocket;
