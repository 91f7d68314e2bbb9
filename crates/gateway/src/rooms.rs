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
use crate::node::Node;
use crate::rooms::connection::Connection;
use crate::socketio::Socket;
use crate::ws::Closing;

/// Serves a client that has just come, in a task of its own.
pub(crate) fn begin(node: &Arc<Node>, socket: Socket) {
    // Until it has said who it is, it has a seat all the same.
    let seat = node.connections.enter(&Identity::guest().user);
    let of_task = Arc::clone(node);
    node.drain.spawn(async move {
        match seat {
            Ok(seat) => Connection::new(of_task, socket, seat).run().await,
            Err(_) => socket.close(Closing::overloaded()).await,
        }
    });
}
