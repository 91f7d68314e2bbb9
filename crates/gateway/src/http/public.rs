//! The routes of the public port: the systems that are enabled, the console, and what all share.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, Method, StatusCode, header};
use axum::middleware::{from_fn_with_state, map_response_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use net::limits::NetLimit;
use net::request_body::{BodyLimits, read_body};
use net::server::disable_keep_alive;
use serde_json::{Value, json};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::http::json_answer::json_answer;
use crate::http::{console, error, http_telemetry, origin_check};
use crate::node::Node;
use crate::session::socketio;
use crate::systems::{self, System};

/// Largest request for the time; a usual one has 80 bytes.
const TIME_SYNC_BYTES: usize = 4096;

/// Returns the routes.
pub(crate) fn routes(node: Arc<Node>) -> Router {
    Router::new()
        .route("/api/health", get(health))
        .route("/api/systems", get(enabled_systems))
        .route("/timesync", post(time_sync))
        .merge(systems::routes(&node.settings.systems))
        .merge(socketio::routes(&node))
        .fallback(console::serve)
        .method_not_allowed_fallback(error::not_found)
        .layer(cors())
        .layer(from_fn_with_state(Arc::clone(&node), origin_check::check))
        .layer(CatchPanicLayer::new())
        .layer(map_response_with_state(Arc::clone(&node), close_when_leaving))
        .layer(from_fn_with_state(Arc::clone(&node), http_telemetry::measure))
        .with_state(node)
}

/// Allows pages of other origins to read every route; the origin itself is checked before.
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

/// `POST /timesync`: the cluster's time, as the npm package `timesync` requests it.
async fn time_sync(State(node): State<Arc<Node>>, body: Body) -> Response {
    let timeout = node.settings.limits.request_within;
    let limits =
        BodyLimits { max_bytes: TIME_SYNC_BYTES, timeout, is_steady: false, too_large: Some(NetLimit::BodyBytes) };
    let request = match read_body(body, limits, &*node.metrics).await {
        Ok(request) => request,
        Err(refused) => return refused,
    };
    let now = node.engine.valid_date();
    let (answer, has_time) = wire::answer_time_sync(&request, now);
    let status = match now {
        None => StatusCode::SERVICE_UNAVAILABLE,
        Some(_) if has_time => StatusCode::OK,
        Some(_) => StatusCode::BAD_REQUEST,
    };
    json_answer(status, answer)
}

/// Closes each connection after its answer while the node is stopping, so that the next request opens one elsewhere.
async fn close_when_leaving(State(node): State<Arc<Node>>, answer: Response) -> Response {
    if node.drain.is_leaving() { disable_keep_alive(answer) } else { answer }
}

/// `GET /api/systems`: the systems that the node serves.
async fn enabled_systems(State(node): State<Arc<Node>>) -> Json<Value> {
    let names: Vec<&str> = systems::enabled(&node.settings.systems).map(System::name).collect();
    Json(json!({ "systems": names }))
}

/// `GET /api/health`: answered as long as the node serves requests, whatever the state of its store.
async fn health(State(node): State<Arc<Node>>) -> Json<Value> {
    Json(json!({
        "status": node.settings.systems.focus.health_status,
        "timestamp": jiff::Timestamp::now().as_millisecond(),
        "uptime": node.started.elapsed().as_secs_f64(),
        "message": "Server is running",
    }))
}
