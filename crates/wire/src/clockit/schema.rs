//! Schemas of the messages and bodies that are written or read by hand.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value};
use timers::{GoalId, SessionId, Timestamp};

use crate::clockit::render::{Ready, Snapshot, StopwatchAck, Update};
use crate::clockit::state::States;
use crate::event::{AUTH, FreshToken};
use crate::going_away::{GOING_AWAY, GoingAway};
use crate::iso::Iso;
use crate::json_text::Authenticated;
use crate::message::MessageId;
use crate::row_fault::RowFault;
use crate::schema::{Catalog, ErrorAnswer, Form};
use crate::time_sync::{PING, PONG, TimePingMessage, TimePongMessage};

pub(crate) fn describe(catalog: &mut Catalog) {
    for name in ["clockit.seed", "clockit.v1"] {
        let channel = catalog.channel(name, Form::Text).sends::<Ready<'_>>("ready");
        let channel = match name {
            "clockit.seed" => channel.sends::<SeedTickMessage>("tick"),
            _ => channel.sends::<TickMessage>("tick").sends::<Update<'_>>("session-update"),
        };
        channel
            .sends::<Snapshot<'_>>("session-snapshot")
            .sends::<StopwatchAck<'_>>("ack")
            .sends::<SessionErrorMessage>("error")
            .sends::<Authenticated<'_>>(AUTH)
            .sends::<TimePongMessage>(PONG)
            .sends_payload::<GoingAway>(GOING_AWAY, "GoingAwayMessage")
            .receives_payload::<SessionStart>("session-start", "SessionStartMessage")
            .receives_payload::<SessionReference>("session-stop", "SessionStopMessage")
            .receives_payload::<SessionReference>("session-pause", "SessionPauseMessage")
            .receives_payload::<SessionReference>("session-resume", "SessionResumeMessage")
            .receives_payload::<SessionReference>("session-remove", "SessionRemoveMessage")
            .receives_payload::<GoalAttachment>("session-attach", "SessionAttachMessage")
            .receives_payload::<GoalReference>("session-detach", "SessionDetachMessage")
            .receives_payload::<FreshToken>(AUTH, "AuthMessage")
            .receives::<TimePingMessage>(PING)
            .end();
    }
    catalog.route::<ClockitHealth, ErrorAnswer>("GET", "/health", 200);
    catalog.route::<FinishedSessionList, ErrorAnswer>("GET", "/sessions", 200);
    catalog.file_route::<ErrorAnswer>("GET", "/sessions.csv", 200);
    catalog.route_with_body::<ImportedSessions, ImportAnswer, ErrorAnswer>("POST", "/ingestCsv", 200);
    catalog.part::<ImportFaults>();
}

impl JsonSchema for States<'_> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SessionStates".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Vec<SessionState>>()
    }
}

/// A stopwatch session.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what `State` writes")]
struct SessionState {
    session_id: SessionId,
    user_id: String,
    label: String,
    /// The start of the current or last run.
    started_at: Timestamp,
    /// The milliseconds of all earlier runs.
    accumulated_ms: u64,
    running: bool,
    goals: Vec<Goal>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    group_id: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    group_name: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    /// When the session was paused, while it is.
    #[schemars(skip_serializing_if = "Option::is_none")]
    paused_at: Option<Timestamp>,
    /// When the session was stopped, while it is.
    #[schemars(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Timestamp>,
}

/// A session that has changed, or the last state of one that has left the list.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes what `State` writes")]
pub(super) struct UpdatedSessionState {
    #[schemars(flatten)]
    state: SessionState,
    /// Present if the session has left the list.
    #[schemars(skip_serializing_if = "Option::is_none", extend("const" = true))]
    removed: Option<bool>,
}

/// A goal of a session. Fields that the server does not know are returned as they came.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", extend("additionalProperties" = true))]
#[expect(dead_code, reason = "it describes a goal as it is stored")]
struct Goal {
    id: GoalId,
    title: String,
    completed: bool,
    /// When the goal was completed, in the form in which the client wrote it.
    #[schemars(skip_serializing_if = "Option::is_none", with = "Option<Value>")]
    completed_at: Option<Value>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    group_id: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    group_name: Option<String>,
    /// The estimate, in the form in which the client wrote it.
    #[schemars(skip_serializing_if = "Option::is_none", with = "Option<Value>")]
    estimated_goal_time: Option<Value>,
}

/// The time of a session at a whole second.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes a tick")]
struct SessionTick {
    session_id: SessionId,
    /// The milliseconds of all runs.
    elapsed_ms: u64,
    /// Whether the session runs; `false` in the last tick after a stop or a pause.
    running: bool,
}

/// The time of one running session, each second.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes a tick")]
struct SeedTickMessage {
    payload: SessionTick,
}

/// The times of all running sessions, each second.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes a tick")]
struct TickMessage {
    #[schemars(length(min = 1))]
    payload: Vec<SessionTick>,
    server_time: Timestamp,
}

/// A message had no effect; without an id, the service cannot serve the client at present.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes an error, whose code has a name of this dialect")]
struct SessionErrorMessage {
    #[schemars(skip_serializing_if = "Option::is_none")]
    id: Option<MessageId>,
    payload: SessionError,
}

/// Why a message had no effect.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes an error, whose code has a name of this dialect")]
struct SessionError {
    code: SessionErrorCode,
    /// The field and the reason, for people.
    message: String,
    /// Whether the same message can succeed later, and is safe to repeat.
    retry: bool,
}

/// The kind of an error.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "it describes the codes that a client of this dialect can receive")]
enum SessionErrorCode {
    /// The text is not JSON.
    InvalidJson,
    /// A field is missing or invalid.
    InvalidMessage,
    /// The type of message does not exist.
    UnknownType,
    /// The user has no such session.
    UnknownSession,
    /// A limit is reached.
    Limit,
    /// Too many commands of the user are in progress.
    Busy,
    /// The store is unavailable; nothing was changed.
    Unavailable,
    /// The stored data is damaged; nothing was changed.
    Damaged,
    /// The store did not answer; whether the command was carried out is unknown.
    OutcomeUnknown,
    /// The token was rejected.
    Unauthorized,
    /// The store was unavailable for so long that the displayed time is no longer certain.
    TimeUncertain,
}

/// Starts a session, or another run of a session.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what `start` reads")]
struct SessionStart {
    /// The id of the session; the server generates one if it is absent.
    session_id: Option<SessionId>,
    #[schemars(length(min = 1))]
    label: String,
    goals: Option<Vec<GoalInput>>,
    #[schemars(length(max = 200))]
    group_id: Option<String>,
    group_name: Option<String>,
    comment: Option<String>,
}

/// Names a session.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what `command` reads")]
struct SessionReference {
    session_id: SessionId,
}

/// Adds a goal to a session, or replaces the goal with the same id.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what `attached` reads")]
struct GoalAttachment {
    session_id: SessionId,
    goal: GoalInput,
}

/// Removes a goal from a session.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what `detached` reads")]
struct GoalReference {
    session_id: SessionId,
    goal_id: GoalId,
}

/// A goal, at most 4 KiB. Other fields are stored and returned as they are.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", extend("additionalProperties" = true))]
#[expect(dead_code, reason = "it describes what `goal::read` reads")]
struct GoalInput {
    id: GoalId,
    title: String,
    completed: Option<bool>,
    /// When the goal was completed, in any form.
    #[schemars(with = "Option<Value>")]
    completed_at: Option<Value>,
    group_id: Option<String>,
    group_name: Option<String>,
    /// The estimate, in any form.
    #[schemars(with = "Option<Value>")]
    estimated_goal_time: Option<Value>,
}

/// What this node serves.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes an answer")]
struct ClockitHealth {
    #[schemars(extend("const" = "ok"))]
    status: String,
    /// The sessions of the connected users.
    sessions: u64,
    users_connected: u64,
}

/// A page of finished sessions, newest first.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes an answer")]
struct FinishedSessionList {
    sessions: Vec<FinishedSession>,
    /// The `before` of the next page; absent from the last one.
    #[schemars(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A finished session. Those that were stopped here have an id and can have a group.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what `to_json` writes")]
struct FinishedSession {
    #[schemars(skip_serializing_if = "Option::is_none")]
    session_id: Option<SessionId>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    group_id: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    group_name: Option<String>,
    started_iso: Iso,
    ended_iso: Iso,
    #[schemars(flatten)]
    details: SessionDetails,
}

/// What an editor knows of a session.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes the columns of a row")]
struct SessionDetails {
    #[schemars(skip_serializing_if = "Option::is_none", range(min = 0))]
    duration_seconds: Option<f64>,
    #[schemars(skip_serializing_if = "Option::is_none", range(min = 0))]
    idle_seconds: Option<f64>,
    #[schemars(skip_serializing_if = "Option::is_none", range(min = 0))]
    lines_added: Option<f64>,
    #[schemars(skip_serializing_if = "Option::is_none", range(min = 0))]
    lines_deleted: Option<f64>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    per_file_seconds: Option<Map<String, Value>>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    per_language_seconds: Option<Map<String, Value>>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    author_name: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    author_email: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    machine: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    ide_name: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    workspace: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    repo_path: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    branch: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    issue_key: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    goals: Option<Vec<Value>>,
    #[schemars(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
}

/// Finished sessions to import. Either all are stored or none.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes what `JsonReader` reads")]
struct ImportedSessions {
    sessions: Vec<ImportedSession>,
}

/// A finished session to import. Other fields are ignored.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "it describes what `read_row` reads")]
struct ImportedSession {
    started_iso: Iso,
    ended_iso: Iso,
    #[schemars(flatten)]
    details: SessionDetails,
}

/// What an import has done.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes an answer")]
struct ImportAnswer {
    /// The number of new rows.
    stored: u64,
    /// The number of rows that were stored before.
    repeated: u64,
}

/// Why nothing was imported.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it describes an answer")]
struct ImportFaults {
    /// The reason, for people.
    error: String,
    /// The first 100 faults.
    rows: Vec<RowFault>,
}
