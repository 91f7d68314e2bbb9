//! Punch clock: a person's working day, over HTTP and a WebSocket.

mod daily_logs;
mod days;
mod routes;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::{Request as HttpRequest, State};
use axum::response::Response;
use axum::routing::{get, post, put};
use parking_lot::Mutex;
use timers::punch_clock::PunchClockLimits;
use timers::{Limits, Scope, ScopeKind, UserId};
use wire::{Dialect, Request, Token};

use crate::node::Node;
use crate::ops::config::Reader;
use crate::ops::config::parse::{boolean, count};
use crate::session::websocket::{Session, WebSocketSystem, connect};
use crate::systems::{System, SystemModule};

/// Most people whose zone a node remembers. Forgetting them costs each a round trip with the next request.
const ZONES_MAX: usize = 50_000;

/// The Punch clock system.
pub(crate) struct PunchClock;

/// The settings of Punch clock.
#[derive(Clone, Debug)]
pub(crate) struct PunchClockSettings {
    enabled: bool,
    /// Largest body of a request.
    body_bytes: usize,
}

/// The names of people's zones, as this node last saw them. A name that is out of date is noticed by the rules.
static ZONES: LazyLock<Mutex<BTreeMap<Scope, String>>> = LazyLock::new(Mutex::default);

impl SystemModule for PunchClock {
    const NAME: &'static str = "punch_clock";
    const DIALECTS: &'static [&'static str] = &[wire::punch_clock::PunchClock::NAME];
    const SCOPES: &'static [ScopeKind] = &[ScopeKind::WorkDay];
    // A beacon posts `text/plain`.
    const REQUIRES_ORIGIN_WITH_COOKIES: bool = true;
    type Settings = PunchClockSettings;

    fn read_settings(reader: &mut Reader, limits: &mut Limits) -> PunchClockSettings {
        let settings = PunchClockSettings {
            enabled: reader.value("punch_clock.enabled", true, boolean),
            body_bytes: count(reader, "punch_clock.body_bytes", 1024 * 1024),
        };
        let default = PunchClockLimits::default();
        let themes = reader.list("punch_clock.themes", default.themes.clone(), |text| Ok(text.to_owned()));
        let punches = count(reader, "punch_clock.punches", default.punches);
        limits.punch_clock = PunchClockLimits { themes, punches, ..default };
        settings
    }

    fn is_enabled(settings: &PunchClockSettings) -> bool {
        settings.enabled
    }

    fn routes() -> Router<Arc<Node>> {
        Router::new()
            .route("/api/session", get(routes::read).post(routes::save).delete(routes::reset))
            .route("/api/session/zone", put(routes::set_zone))
            .route("/api/session/live", get(live))
            .route("/api/heartbeat", post(routes::heartbeat))
            .route("/api/daily-logs", get(daily_logs::list).post(daily_logs::save))
    }
}

impl WebSocketSystem for PunchClock {
    const SYSTEM: System = System::PunchClock;
    type Selection = ();

    fn scope(user: &UserId) -> Scope {
        Scope::work_day(user)
    }

    fn first_token(text: &str) -> Option<Token> {
        match wire::punch_clock::PunchClock::parse(text).ok()?.request {
            Request::Authenticate(token) => Some(token),
            Request::System(_) | Request::Time(_) => None,
        }
    }

    async fn serve(session: Session, (): ()) {
        session.run::<Self, wire::punch_clock::PunchClock>().await;
    }
}

/// `GET /api/session/live`: the WebSocket.
async fn live(State(node): State<Arc<Node>>, request: HttpRequest) -> Response {
    connect::<PunchClock>(node, request, ()).await
}

/// Returns the name of a person's zone, if this node has seen it.
fn known_zone(scope: &Scope) -> Option<String> {
    ZONES.lock().get(scope).cloned()
}

fn remember_zone(scope: &Scope, name: &str) {
    let mut zones = ZONES.lock();
    if zones.len() >= ZONES_MAX {
        zones.clear();
    }
    zones.insert(scope.clone(), name.to_owned());
}
