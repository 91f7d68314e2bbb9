//! Clockit: a person's stopwatch sessions.

mod connection;
mod gaze;
mod history;
mod ingest;
mod outcome;
mod session;
mod shown;

use std::sync::Arc;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::node::Node;

/// Makes the routes of Clockit.
pub(crate) fn routes() -> Router<Arc<Node>> {
    Router::new()
        .route("/session", get(session::connect))
        .route("/health", get(health))
        .route("/sessions", get(history::list))
        .route("/sessions.csv", get(history::csv))
        .route("/ingestCsv", post(ingest::ingest))
}

/// How many sessions this node holds a view of, and how many people are connected to it.
async fn health(State(node): State<Arc<Node>>) -> Json<Value> {
    let mut sessions = 0;
    node.engine.hub().for_each_board(|board| sessions += board.stopwatches().count());
    Json(json!({ "status": "ok", "sessions": sessions, "usersConnected": node.connections.users() }))
}
