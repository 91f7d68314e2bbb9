//! Schemas of the messages and bodies that are written or read by hand.

use schemars::JsonSchema;
use timers::focus::FocusId;

use crate::event::{AUTH, FreshToken};
use crate::focus::document::{FocusDocument, ScoreAnswer, SessionAnswer, StatsAnswer};
use crate::focus::socket::{Connected, Counted, CountersTick, Failed, Started, Stopped};
use crate::going_away::{GOING_AWAY, GoingAway};
use crate::json_text::Authenticated;
use crate::schema::{Catalog, Form, Given, NumberOrText, TargetInput};
use crate::time_sync::{PING, PONG, TimePingMessage, TimePongMessage};

pub(crate) fn describe(catalog: &mut Catalog) {
    catalog
        .channel("focus", Form::Text)
        .sends::<Connected<'_>>("connected")
        .sends::<Started<'_>>("started")
        .sends::<Counted<'_>>("tabSwitchAck")
        .sends::<Stopped>("stopped")
        .sends::<CountersTick>("tick")
        .sends::<Failed<'_>>("error")
        .sends::<Authenticated<'_>>(AUTH)
        .sends::<TimePongMessage>(PONG)
        .sends_payload::<GoingAway>(GOING_AWAY, "GoingAwayMessage")
        .receives::<FocusStartMessage>("start")
        .receives::<ActivityMessage>("activity")
        .receives::<TabSwitchMessage>("tabSwitch")
        .receives::<FocusStopMessage>("stop")
        .receives_payload::<FreshToken>(AUTH, "AuthMessage")
        .receives::<TimePingMessage>(PING)
        .end();
    describe_routes(catalog);
}

fn describe_routes(catalog: &mut Catalog) {
    type Refusal = FocusErrorAnswer;
    const SESSION: &str = "/api/sessions/{id}";
    catalog.route::<FocusSessionList<'_>, Refusal>("GET", "/api/sessions", 200);
    catalog.route_with_body::<NewFocusSession, SessionAnswer<'_>, Refusal>("POST", "/api/sessions", 201);
    catalog.route::<SessionAnswer<'_>, Refusal>("GET", SESSION, 200);
    catalog.route_with_body::<FocusSessionChange, SessionAnswer<'_>, Refusal>("PUT", SESSION, 200);
    catalog.route::<FocusSessionDeleted, Refusal>("DELETE", SESSION, 200);
    catalog.route_with_body::<FocusSessionEnd, ScoreAnswer<'_>, Refusal>("PUT", "/api/sessions/{id}/end", 200);
    catalog.route::<StatsAnswer, Refusal>("GET", "/api/users/me/stats", 200);
}

/// What a session is doing, or how it has ended.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes the names of `OpenStatus` and `Ending`")]
pub(crate) enum FocusStatus {
    /// The session goes on.
    Active,
    /// The session goes on, and no second counts.
    Paused,
    /// The person has completed the session.
    Completed,
    /// The person has given the session up.
    Abandoned,
    /// The session does not count as completed.
    Cancelled,
}

/// What a session that goes on is doing.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes the names of `OpenStatus`")]
enum FocusOpenStatus {
    Active,
    Paused,
}

/// How a session ends.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes the names of `Ending`")]
enum FocusEnding {
    Completed,
    Abandoned,
    Cancelled,
}

/// Tracks a session.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what `parse` reads")]
struct FocusStartMessage {
    session_id: FocusId,
}

/// The person is active.
#[derive(JsonSchema)]
struct ActivityMessage {}

/// The person has left the page.
#[derive(JsonSchema)]
struct TabSwitchMessage {}

/// Ends the tracked session.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes what `parse` reads")]
struct FocusStopMessage {
    /// How the session ends; `completed` if it is absent.
    status: Option<FocusEnding>,
}

/// Sessions, newest first.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes what `list_start` and `list_end` write")]
struct FocusSessionList<'a> {
    success: bool,
    sessions: Vec<FocusDocument<'a>>,
    /// The number of listed sessions.
    count: u64,
}

/// A session was deleted.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes an answer")]
struct FocusSessionDeleted {
    success: bool,
    message: String,
}

/// Why a request is not carried out.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes an answer")]
struct FocusErrorAnswer {
    /// The reason.
    message: String,
    /// Present if the token has expired.
    #[schemars(skip_serializing_if = "Option::is_none", extend("const" = "TOKEN_EXPIRED"))]
    code: Option<String>,
}

/// A session to create. Other fields are ignored.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what `NewSessionRequest::read` reads")]
struct NewFocusSession {
    /// How long the person sets out to work: a number above 0, or its text.
    target_minutes: TargetInput,
    /// The subject, at most 500 characters; `General` if it is absent.
    #[schemars(length(max = 500))]
    subject: Option<String>,
    /// What the person works with, at most 500 characters. A number is taken as its text.
    #[schemars(length(max = 500))]
    content_id: Option<NumberOrText>,
}

/// What changes of a session. Other fields are ignored.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what `session_change` reads")]
struct FocusSessionChange {
    /// How long the person sets out to work: a number above 0, or its text.
    #[schemars(default)]
    target_minutes: Given<TargetInput>,
    #[schemars(length(max = 500))]
    subject: Option<String>,
    /// What the person works with; `null` for nothing.
    #[schemars(length(max = 500))]
    content_id: Option<NumberOrText>,
    /// A session that has ended ignores it.
    status: Option<FocusOpenStatus>,
}

/// How a session ends. The counters count only if no socket has ever tracked the session; they are clamped, not refused.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what `ending_request` reads")]
struct FocusSessionEnd {
    /// How the session ends; `completed` if it is absent.
    status: Option<FocusEnding>,
    elapsed_seconds: Option<NumberOrText>,
    active_seconds: Option<NumberOrText>,
    idle_seconds: Option<NumberOrText>,
    tab_switches: Option<NumberOrText>,
}
