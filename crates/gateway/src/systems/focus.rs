//! Focus: a person's focus sessions, over HTTP and a WebSocket that tracks one of them.

mod activity;
mod connection;
mod list;
mod routes;
mod sessions;
mod tracking;
mod view;

use std::sync::Arc;
use std::time::Duration;

use access::Denied;
use axum::Router;
use axum::extract::{Request as HttpRequest, State};
use axum::response::Response;
use axum::routing::{get, put};
use net::limits::SignalTexts;
use net::websocket::CloseReason;
use timers::focus::FocusLimits;
use timers::{Limits, Scope, ScopeKind, UserId};
use wire::focus::{ACTIVITY_TEXTS, NAME, parse};
use wire::{Request, Token};

use crate::node::Node;
use crate::ops::config::Reader;
use crate::ops::config::parse::{boolean, count, millis, period};
use crate::session::websocket::{Session, WebSocketSystem, connect};
use crate::systems::focus::connection::FocusConnection;
use crate::systems::{System, SystemModule};

/// The Focus system.
pub(crate) struct Focus;

/// The settings of Focus.
#[derive(Clone, Debug)]
pub(crate) struct FocusSettings {
    enabled: bool,
    /// The `status` of `/api/health`.
    pub(crate) health_status: String,
}

impl SystemModule for Focus {
    const NAME: &'static str = "focus";
    const DIALECTS: &'static [&'static str] = &[NAME];
    const SCOPES: &'static [ScopeKind] = &[ScopeKind::Focus];
    // Bodies are read whatever their content type says, also a type that a page of any origin can send.
    const REQUIRES_ORIGIN_WITH_COOKIES: bool = true;
    type Settings = FocusSettings;

    fn read_settings(reader: &mut Reader, limits: &mut Limits) -> FocusSettings {
        let default = FocusLimits::default();
        let idle_after = period(reader, "focus.idle_after", Duration::from_millis(default.idle_after.0));
        let score_max: u64 = reader.value("focus.score_max", 0, |text| {
            text.parse().map_err(|_| "it must be a whole number, 0 for no limit".to_owned())
        });
        limits.focus = FocusLimits {
            idle_after: millis(idle_after),
            score_max: (score_max > 0).then_some(score_max),
            open_sessions: count(reader, "focus.open_sessions", default.open_sessions),
            ..default
        };
        FocusSettings {
            enabled: reader.value("focus.enabled", true, boolean),
            health_status: reader.value("focus.health_status", "ok".to_owned(), |text| Ok(text.to_owned())),
        }
    }

    fn is_enabled(settings: &FocusSettings) -> bool {
        settings.enabled
    }

    fn routes() -> Router<Arc<Node>> {
        Router::new()
            .route("/api/sessions", get(list::list).post(routes::create))
            .route("/api/sessions/{id}", get(routes::read).put(routes::update).delete(routes::delete))
            .route("/api/sessions/{id}/end", put(routes::end))
            .route("/api/users/me/stats", get(routes::stats))
            .route("/ws/sessions", get(track))
    }
}

impl WebSocketSystem for Focus {
    const SYSTEM: System = System::Focus;
    type Selection = ();
    // Clients send one at every mouse move.
    const SIGNALS: SignalTexts = SignalTexts::new(ACTIVITY_TEXTS);
    // The original closes a client without a token at once.
    const AWAITS_TOKEN: bool = false;
    // A guest has no session to track.
    const ACCEPTS_GUESTS: bool = false;

    fn scope(user: &UserId) -> Scope {
        Scope::focus(user)
    }

    fn first_token(text: &str) -> Option<Token> {
        match parse(text).ok()?.request {
            Request::Authenticate(token) => Some(token),
            Request::System(_) | Request::Time(_) => None,
        }
    }

    fn unauthorized(denied: &Denied) -> CloseReason {
        if matches!(denied, Denied::Missing) { CloseReason::MissingToken } else { CloseReason::InvalidToken }
    }

    async fn serve(session: Session, (): ()) {
        FocusConnection::serve(session).await;
    }
}

/// `GET /ws/sessions`: the WebSocket.
async fn track(State(node): State<Arc<Node>>, request: HttpRequest) -> Response {
    connect::<Focus>(node, request, ()).await
}
