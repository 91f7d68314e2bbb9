//! HTTP answers to clients that exceed a limit of the node.

use axum::http::StatusCode;
use axum::response::Response;
use net::http_error::with_random_retry_after;

pub(crate) use net::http_error::{error, not_found, unavailable};

use crate::node::Node;
use crate::session::connections::LimitReached;

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
