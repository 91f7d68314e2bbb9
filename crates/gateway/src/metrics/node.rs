//! What a node is: its engine, and whether it serves.

use std::sync::Arc;

use crate::metrics::engine;
use crate::metrics::observed::{Figure, gauges};
use crate::node::Node;
use crate::telemetry::Telemetry;

/// Whether a node serves.
const OF_NODE: &[Figure<Node>] = &[
    ("tickcast.ready", "1 while clients should be sent here", |node| u64::from(node.ready().is_ok())),
    ("tickcast.draining", "1 once the node was told to stop", |node| u64::from(node.drain.is_leaving())),
    ("tickcast.sockets", "Sockets that the node waits for before it ends", |node| node.drain.sockets() as u64),
    ("tickcast.people", "People who are connected to this node", |node| node.connections.users() as u64),
    ("tickcast.connections.limit", "Clients that are let in at most", |node| node.settings.limits.connections as u64),
];

/// Measures a node.
pub(crate) fn observe(telemetry: &Telemetry, node: &Arc<Node>) {
    let meter = telemetry.meter();
    engine::observe(&meter, &node.engine);
    gauges(&meter, node, OF_NODE);
}
