//! Socket.IO: an engine that carries packets by long polling or WebSocket, and the packets themselves. One
//! namespace, `/`; text only.

mod carrier;
mod engine;
mod packet;
mod session;
mod socket;

pub(crate) use engine::routes;
pub(crate) use packet::{Packet, ack, connected, disconnected, event, refused};
pub(crate) use socket::{Outlet, Socket};
