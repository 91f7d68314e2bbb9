//! Schemas of the messages and bodies that are written or read by hand.

use schemars::JsonSchema;
use serde_json::{Map, Value};
use timers::Timestamp;
use timers::punch_clock::PunchId;

use crate::event::{AUTH, FreshToken};
use crate::going_away::{GOING_AWAY, GoingAway};
use crate::json_text::{Authenticated, ErrorMessage};
use crate::punch_clock::document::{DocumentAnswer, DocumentView, SavedAnswer};
use crate::punch_clock::live::LiveTick;
use crate::punch_clock::logs::{LogListAnswer, LogSavedAnswer};
use crate::schema::{Catalog, Form};
use crate::time_sync::{PING, PONG, TimePingMessage, TimePongMessage};

pub(crate) fn describe(catalog: &mut Catalog) {
    catalog
        .channel("punch_clock", Form::Text)
        .sends_payload::<DocumentView<'_>>("session", "UserSessionMessage")
        .sends::<LiveTick>("tick")
        .sends::<ErrorMessage<'_>>("error")
        .sends::<Authenticated<'_>>(AUTH)
        .sends::<TimePongMessage>(PONG)
        .sends_payload::<GoingAway>(GOING_AWAY, "GoingAwayMessage")
        .receives_payload::<FreshToken>(AUTH, "AuthMessage")
        .receives::<TimePingMessage>(PING)
        .end();
    describe_routes(catalog);
}

fn describe_routes(catalog: &mut Catalog) {
    type Refusal = PunchClockErrorAnswer;
    const SESSION: &str = "/api/session";
    catalog.route::<DocumentAnswer<'_>, Refusal>("GET", SESSION, 200);
    catalog.route_with_body::<UserSessionInput, SavedAnswer<'_>, Refusal>("POST", SESSION, 200);
    catalog.route::<UserSessionReset, Refusal>("DELETE", SESSION, 200);
    catalog.route_with_body::<ZoneInput, ZoneAnswer, Refusal>("PUT", "/api/session/zone", 200);
    catalog.route::<HeartbeatAnswer, Refusal>("POST", "/api/heartbeat", 200);
    catalog.route::<LogListAnswer<'_>, Refusal>("GET", "/api/daily-logs", 200);
    catalog.route_with_body::<DailyLogInput, LogSavedAnswer<'_>, Refusal>("POST", "/api/daily-logs", 200);
}

/// Whether a punch begins work or ends it.
#[derive(JsonSchema)]
#[schemars(rename_all = "UPPERCASE")]
#[expect(dead_code, reason = "it describes the names of `PunchKind`")]
pub(crate) enum PunchType {
    /// The punch begins work.
    In,
    /// The punch ends work.
    Out,
}

/// The day was reset.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes an answer")]
struct UserSessionReset {
    success: bool,
    message: String,
}

/// The person's time zone was set.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes an answer")]
struct ZoneAnswer {
    success: bool,
    /// The name of the zone in the IANA database.
    zone: String,
}

/// A heartbeat was recorded.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes an answer")]
struct HeartbeatAnswer {
    success: bool,
    message: String,
    server_time: Timestamp,
}

/// Why a request is not carried out.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes an answer")]
struct PunchClockErrorAnswer {
    /// The reason.
    error: String,
}

/// The document, or a part of it. Other fields are ignored.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what `PostedDay::read` reads")]
struct UserSessionInput {
    /// Punches to unite with the stored ones.
    entries: Option<Vec<PunchEntryInput>>,
    /// A theme of the configured list; others are ignored.
    current_theme: Option<String>,
    /// The `updatedAt` of the document that the client has seen.
    updated_at: Option<String>,
    /// The totals that the client shows. They are never stored.
    daily_stats: Option<Map<String, Value>>,
}

/// A punch. Other fields are ignored.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes what `entries::posted` reads")]
struct PunchEntryInput {
    id: PunchId,
    /// The instant in milliseconds since 1970.
    #[schemars(range(min = 0))]
    timestamp: f64,
    r#type: PunchType,
    /// The time of day that the client shows, `HH:MM:SS`. Another form is ignored.
    time: Option<String>,
}

/// A day to save. Other fields are ignored.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what `PostedLog::read` reads")]
struct DailyLogInput {
    /// The day, a date or an instant of it in UTC.
    #[schemars(regex(pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}"))]
    date: String,
    /// Punches to unite with those of the days of their timestamps.
    entries: Vec<PunchEntryInput>,
    /// The totals that the client shows. The server counts its own.
    daily_stats: Map<String, Value>,
    theme: Option<String>,
}

/// The person's time zone.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes what `zone_name` reads")]
struct ZoneInput {
    /// The name of the zone in the IANA database, such as `Europe/Berlin`.
    zone: String,
}
