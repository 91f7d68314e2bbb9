//! HTTP answers to clients that the node does not admit.

use axum::http::StatusCode;
use axum::response::Response;
use net::http_error::with_random_retry_after;

pub(crate) use net::http_error::{error, not_found, unavailable};

use crate::node::Node;
use crate::ops::metrics::Refusal;
use crate::session::connections::LimitReached;

/// Answers a client that opens a socket on a node that is stopping. A load balancer that receives this before the upgrade
/// can try another node.
pub(crate) fn stopping(node: &Node) -> Response {
    node.metrics.refused(Refusal::Stopping);
    with_random_retry_after(error(StatusCode::SERVICE_UNAVAILABLE, "Stopping", "this node is stopping"))
}

/// Answers a client that exceeds a limit of connections. A load balancer that receives this before the upgrade can try
/// another node.
pub(crate) fn full(node: &Node, limit: LimitReached) -> Response {
    node.metrics.refused(limit.into());
    with_random_retry_after(match limit {
        LimitReached::Node => {
            error(StatusCode::SERVICE_UNAVAILABLE, "Full", "this node has as many connections as it takes")
        }
        LimitReached::User | LimitReached::Address => {
            error(StatusCode::TOO_MANY_REQUESTS, "Too many connections", "you have as many connections as one may")
        }
    })
}
