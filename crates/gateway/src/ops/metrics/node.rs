//! Metrics of the node: its engine, and whether it serves.

use std::sync::Arc;

use crate::node::Node;
use crate::ops::metrics::engine;
use crate::ops::metrics::observed::{Observation, gauges};
use crate::ops::telemetry::Telemetry;

/// The state of the node.
const NODE_GAUGES: &[Observation<Node>] = &[
    ("tickcast.ready", "1 while load balancers should send clients here", |node| u64::from(node.ready().is_ok())),
    ("tickcast.draining", "1 once the node was asked to shut down", |node| u64::from(node.drain.is_leaving())),
    ("tickcast.sockets", "Sockets that a shutdown waits for", |node| node.drain.sockets() as u64),
    ("tickcast.people", "Users connected to this node", |node| node.connections.users() as u64),
    ("tickcast.connections.limit", "Most clients that this node admits", |node| {
        node.settings.limits.connections as u64
    }),
];

/// Registers the metrics of a node.
pub(crate) fn observe(telemetry: &Telemetry, node: &Arc<Node>) {
    let meter = telemetry.meter();
    engine::observe(&meter, &node.engine);
    gauges(&meter, node, "", NODE_GAUGES);
}
