//! The public port: every dialect that is switched on, the console, and what all share.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderName, Method, header};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::clockit;
use crate::http::{console, error};
use crate::node::Node;

/// Makes the routes.
pub(crate) fn routes(node: Arc<Node>) -> Router {
    let mut routes = Router::new().route("/api/health", get(health));
    if node.settings.clockit.enabled {
        routes = routes.merge(clockit::routes());
    }
    routes
        .fallback(console::serve)
        .method_not_allowed_fallback(error::not_found)
        .layer(cors())
        .layer(CatchPanicLayer::new())
        .with_state(node)
}

/// Every HTTP route answers to pages of other origins.
fn cors() -> CorsLayer {
    let headers = [
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        HeaderName::from_static("idempotency-key"),
        HeaderName::from_static("x-time-zone"),
        HeaderName::from_static("x-test-user-id"),
        HeaderName::from_static("x-test-org-id"),
    ];
    CorsLayer::new()
        .allow_origin(AllowOrigin::mirror_request())
        .allow_credentials(true)
        .allow_headers(headers)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS])
}

async fn health(State(node): State<Arc<Node>>) -> Json<Value> {
    Json(json!({
        "status": "ok",
        "timestamp": jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        "uptime": node.started.elapsed().as_secs_f64(),
        "message": "Server is running",
    }))
}
