//! Rooms: a countdown that a team shares, and who is there, over Socket.IO.

mod connection;
mod entry;
mod errand;
mod fault;
mod gaze;
mod membership;
mod outbox;
mod patience;
mod secret;
mod seen;
mod shown;

use std::sync::Arc;

use crate::auth::Identity;
use crate::config::System;
use crate::connections::{Full, Guest};
use crate::http::address::client_address;
use crate::node::Node;
use crate::rooms::connection::Connection;
use crate::socketio::Socket;
use crate::ws::Closing;

/// Serves a client that has just come, in a task of its own.
pub(crate) fn begin(node: &Arc<Node>, socket: Socket) {
    // Until it has said who it is, it has a seat all the same.
    let head = socket.request();
    let address = client_address(&head.extensions, &head.headers, &node.settings.public.proxy);
    let since = node.engine.clock().now();
    let seat = node.connections.enter(&Identity::guest().user, Guest { system: System::Rooms, address, since });
    let of_task = Arc::clone(node);
    node.drain.spawn(async move {
        match seat {
            Ok(seat) => Connection::new(of_task, socket, seat).run().await,
            Err(full) => {
                of_task.metrics.refused(full.into());
                let closing = if full == Full::Node { Closing::overloaded() } else { Closing::TooManyConnections };
                socket.close(closing).await;
            }
        }
    });
}
