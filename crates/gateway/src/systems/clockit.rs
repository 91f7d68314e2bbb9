//! Clockit: a person's stopwatch sessions.

mod history;
mod import;
mod ingest;

use std::sync::Arc;
use std::time::Duration;

use access::AuthMethod;
use axum::extract::{Request as HttpRequest, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use timers::stopwatch::{Stopwatch, StopwatchLimits};
use timers::{Limits, Scope, ScopeKind, UserId};
use wire::clockit::{Seed, V1};
use wire::{Dialect, Request, Token};

use crate::http::error::error;
use crate::http::query::Query;
use crate::node::Node;
use crate::ops::config::Reader;
use crate::ops::config::parse::{boolean, count, count_up_to, millis, span};
use crate::session::websocket::{Session, WebSocketSystem, connect};
use crate::systems::{System, SystemModule};

/// Most live, and most stopped, sessions that an operator can allow. A board is loaded and sent as a whole, and
/// `clockit.board_bytes` bounds it long before this number does.
const SESSIONS_MAX: usize = 10_000;

/// The Clockit system.
pub(crate) struct Clockit;

/// The settings of Clockit.
#[derive(Clone, Debug)]
pub(crate) struct ClockitSettings {
    enabled: bool,
    /// Largest body of `POST /ingestCsv`.
    ingest_bytes: usize,
}

/// A version of the dialect.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Version {
    Seed,
    V1,
}

#[derive(Deserialize)]
struct ConnectQuery {
    dialect: Option<String>,
}

impl SystemModule for Clockit {
    const NAME: &'static str = "clockit";
    const DIALECTS: &'static [&'static str] = &[Seed::NAME, V1::NAME];
    const SCOPES: &'static [ScopeKind] = &[ScopeKind::User];
    type Settings = ClockitSettings;

    fn read_settings(reader: &mut Reader, limits: &mut Limits) -> ClockitSettings {
        let settings = ClockitSettings {
            enabled: reader.value("clockit.enabled", true, boolean),
            ingest_bytes: count(reader, "clockit.ingest_bytes", 8 * 1024 * 1024),
        };
        let default = StopwatchLimits::default();
        let duration = |millis: timers::Millis| Duration::from_millis(millis.0);
        limits.stopwatch = StopwatchLimits {
            label_chars: count(reader, "clockit.label_chars", default.label_chars),
            comment_chars: count(reader, "clockit.comment_chars", default.comment_chars),
            goals: count(reader, "clockit.goals", default.goals),
            live_sessions: count_up_to(reader, "clockit.live_sessions", default.live_sessions, SESSIONS_MAX),
            stopped_sessions: count_up_to(reader, "clockit.stopped_sessions", default.stopped_sessions, SESSIONS_MAX),
            board_bytes: count(reader, "clockit.board_bytes", default.board_bytes),
            paused_for: millis(span(reader, "clockit.paused_for", duration(default.paused_for))),
            stopped_for: millis(span(reader, "clockit.stopped_for", duration(default.stopped_for))),
        };
        settings
    }

    fn is_enabled(settings: &ClockitSettings) -> bool {
        settings.enabled
    }

    fn routes() -> Router<Arc<Node>> {
        Router::new()
            .route("/session", get(session))
            .route("/health", get(health))
            .route("/sessions", get(history::list))
            .route("/sessions.csv", get(history::csv))
            .route("/ingestCsv", post(ingest::ingest))
    }
}

impl WebSocketSystem for Clockit {
    const SYSTEM: System = System::Clockit;
    type Selection = Option<Version>;

    fn scope(user: &UserId) -> Scope {
        Scope::user(user)
    }

    fn first_token(text: &str) -> Option<Token> {
        match V1::parse(text).ok()?.request {
            Request::Authenticate(token) => Some(token),
            Request::System(_) | Request::Time(_) => None,
        }
    }

    async fn serve(session: Session, selection: Option<Version>) {
        // The original's clients name a user id and no dialect.
        let default = match session.identity().method {
            AuthMethod::UserId => Version::Seed,
            AuthMethod::Token | AuthMethod::Session | AuthMethod::NextAuth | AuthMethod::Guest => Version::V1,
        };
        match selection.unwrap_or(default) {
            Version::Seed => session.run::<Self, Seed>().await,
            Version::V1 => session.run::<Self, V1>().await,
        }
    }
}

/// `GET /session`: the WebSocket.
async fn session(State(node): State<Arc<Node>>, Query(query): Query<ConnectQuery>, request: HttpRequest) -> Response {
    let version = match query.dialect.as_deref() {
        None | Some("") => None,
        Some("seed") => Some(Version::Seed),
        Some("v1") => Some(Version::V1),
        Some(_) => return error(StatusCode::BAD_REQUEST, "Bad request", "dialect must be seed or v1"),
    };
    connect::<Clockit>(node, request, version).await
}

/// `GET /health`: the number of users connected to this node, and of their sessions.
async fn health(State(node): State<Arc<Node>>) -> Json<Value> {
    let hub = node.engine.hub();
    let users = hub.listened_to().get(ScopeKind::User.as_str()).copied().unwrap_or_default();
    Json(json!({ "status": "ok", "sessions": hub.item_count::<Stopwatch>(), "usersConnected": users }))
}
