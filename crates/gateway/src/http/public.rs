//! The public port: every dialect that is switched on, the console, and what all share.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, Method, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::clockit;
use crate::http::body::{Bounds, read_body};
use crate::http::{console, error, guard, watched};
use crate::metrics::Refusal;
use crate::node::Node;
use crate::socketio;

/// Largest question for the time; the usual one has 80 bytes.
const TIME_SYNC_BYTES: usize = 4096;

/// Makes the routes.
pub(crate) fn routes(node: Arc<Node>) -> Router {
    let mut routes = Router::new().route("/api/health", get(health)).route("/timesync", post(time_sync));
    if node.settings.clockit.enabled {
        routes = routes.merge(clockit::routes());
    }
    if node.settings.rooms.enabled {
        routes = routes.merge(socketio::routes(&node));
    }
    routes
        .fallback(console::serve)
        .method_not_allowed_fallback(error::not_found)
        .layer(cors())
        .layer(from_fn_with_state(Arc::clone(&node), guard::guard))
        .layer(CatchPanicLayer::new())
        .layer(from_fn_with_state(Arc::clone(&node), watched::watch))
        .with_state(node)
}

/// Every HTTP route answers to pages of other origins, if these were admitted.
fn cors() -> CorsLayer {
    let headers = [
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        HeaderName::from_static("idempotency-key"),
        HeaderName::from_static("traceparent"),
        HeaderName::from_static("tracestate"),
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

/// Tells the cluster's time as the npm package `timesync` asks for it.
async fn time_sync(State(node): State<Arc<Node>>, body: Body) -> Response {
    let within = node.settings.limits.request_within;
    let bounds = Bounds { bytes_max: TIME_SYNC_BYTES, within, beyond: Some(Refusal::BodyBytes) };
    let request = match read_body(body, bounds, &node.metrics).await {
        Ok(request) => request,
        Err(refused) => return refused,
    };
    let now = node.engine.certain_time();
    let (answer, told) = wire::answer_time_sync(&request, now);
    let status = match now {
        None => StatusCode::SERVICE_UNAVAILABLE,
        Some(_) if told => StatusCode::OK,
        Some(_) => StatusCode::BAD_REQUEST,
    };
    (status, [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], answer).into_response()
}

async fn health(State(node): State<Arc<Node>>) -> Json<Value> {
    Json(json!({
        "status": "ok",
        "timestamp": jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        "uptime": node.started.elapsed().as_secs_f64(),
        "message": "Server is running",
    }))
}
