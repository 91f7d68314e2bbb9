//! Disconnect orders: kept on a board that every node watches, so that they reach clients on any node.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use engine::{ExecuteError, Reader, Request};
use timers::disconnect::{Disconnect, DisconnectCommand, DisconnectTarget};
use timers::{DisconnectId, Scope, Timestamp};
use tokio::time::sleep;

use crate::node::Node;

/// Pause before the board is requested again from a store that is unavailable.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// Orders all nodes to disconnect clients.
pub(crate) async fn order(node: &Node, target: DisconnectTarget) -> Result<(), ExecuteError> {
    let id = format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
    let id = DisconnectId::new(&id).expect("short and printable");
    let command = DisconnectCommand::Order(id, target).into();
    node.engine.execute(Request { scope: Scope::cluster(), command, id: None }).await.map(|_| ())
}

/// Carries out the orders of the board on this node, for ever; each order once.
pub(crate) async fn watch(node: Arc<Node>) {
    let subscription = loop {
        match node.join(&Scope::cluster()).await {
            Ok(subscription) => break subscription,
            Err(error) => tracing::debug!(%error, "disconnect orders cannot be read yet"),
        }
        sleep(RETRY_PAUSE).await;
    };
    let mut seen = BTreeSet::new();
    let mut reader = Reader::new(subscription);
    loop {
        let orders: Vec<Disconnect> = reader.snapshot().view.board.all::<Disconnect>().cloned().collect();
        // First, so that a client that connects meanwhile is found by one of the two checks.
        node.connections.set_recent_orders(orders.clone());
        for order in orders.iter().filter(|order| !seen.contains(&order.id)) {
            carry_out(&node, order);
        }
        seen = orders.into_iter().map(|order| order.id).collect();
        reader.changed().await;
        reader.catch_up(|_| {});
    }
}

fn carry_out(node: &Node, order: &Disconnect) {
    if let DisconnectTarget::Unknown(target) = &order.target {
        tracing::warn!("a disconnect order of a newer version is ignored: this version does not know its target");
        tracing::debug!(target = target.as_str(), "the target of the ignored order");
        return;
    }
    let now = node.engine.clock().now().unwrap_or(Timestamp(u64::MAX));
    let count = node.connections.disconnect(order, now);
    tracing::info!(count, "clients are disconnected by an order");
    tracing::debug!(target = ?order.target, "the target of the order");
}
