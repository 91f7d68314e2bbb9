//! The documents of the original's collection of sessions.

use serde_json::Value;
use timers::Timestamp;
use timers::focus::{
    EndedSession, Ending, FocusId, FocusSession, ImportedSession, OpenStatus, SCORE_MAX, SecondCounters,
};

use crate::mongo_export::{DocumentFields, ExportedDocument};
use crate::row_fault::RowFault;

/// The subject of a session without one, as in `POST /api/sessions`.
const SUBJECT: &str = "General";

/// The largest number that is counted: the largest integer that JavaScript reads exactly.
const COUNT_MAX: u64 = (1 << 53) - 1;

/// A document of the collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedSession {
    /// The person, as the login names them.
    pub user: String,
    /// The session. The score of an ended one is 0 if it is missing.
    pub session: ImportedSession,
    /// Whether the document of an ended session has no score.
    pub lacks_score: bool,
    /// The values that were repaired.
    pub repairs: Vec<RowFault>,
}

/// The dates of a document.
struct Dates {
    created_at: Timestamp,
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
}

/// How far a session is.
enum Status {
    Open(OpenStatus),
    Ended(Ending),
}

impl ExportedDocument for ExportedSession {
    fn read(fields: &mut DocumentFields<'_>) -> Option<Self> {
        let mut repairs = Vec::new();
        let (id, user, status) = (id(fields), fields.id("userId"), status(fields));
        let content_id = content_id(fields);
        let subject = fields.optional_text("subject");
        let target_minutes = fields.take("targetMinutes");
        let target_minutes = match text_of(&target_minutes).and_then(|text| text.parse().ok()) {
            Some(minutes) => Some(minutes),
            None => fields.fault("targetMinutes", "must be a number above 0"),
        };
        let counters = counters(fields, &mut repairs);
        let tab_switches = count(fields, "tabSwitches", &mut repairs);
        let score = score(fields, &mut repairs);
        let (id, status) = (id?, status?);
        let dates = dates(fields, id)?;
        let (content_id, subject, target_minutes) = (content_id?, subject?, target_minutes?);
        let subject = subject.unwrap_or_else(|| SUBJECT.to_owned());
        let (counters, tab_switches, score) = (counters?, tab_switches?.unwrap_or_default(), score?);
        let Dates { created_at, started_at, .. } = dates;
        let session = match status {
            Status::Open(status) => ImportedSession::Open(FocusSession {
                id,
                content_id,
                subject,
                target_minutes,
                status,
                created_at,
                started_at,
                updated_at: dates.updated_at.unwrap_or(started_at),
                tab_switches,
                // Counters that a client reports at the end count only if nothing is counted here.
                was_tracked: counters.elapsed > 0 || tab_switches > 0,
                settled: counters,
                closed: Vec::new(),
                tracking: None,
                trackers: Vec::new(),
                unknown_fields: Vec::new(),
            }),
            Status::Ended(ending) => {
                let ended_at = ended_at(fields, &dates, counters, &mut repairs);
                ImportedSession::Ended(EndedSession {
                    id,
                    content_id,
                    subject,
                    target_minutes,
                    ending,
                    created_at,
                    started_at,
                    ended_at,
                    updated_at: dates.updated_at.unwrap_or(ended_at),
                    counters,
                    tab_switches,
                    focus_score: score.unwrap_or_default(),
                    unknown_fields: Vec::new(),
                })
            }
        };
        let lacks_score = matches!(session, ImportedSession::Ended(_)) && score.is_none();
        Some(Self { user: user?, session, lacks_score, repairs })
    }
}

fn id(fields: &mut DocumentFields<'_>) -> Option<FocusId> {
    let id = fields.take("_id");
    match id.as_str().and_then(|text| text.parse().ok()) {
        Some(id) => Some(id),
        None => fields.fault("_id", "must be an ObjectId"),
    }
}

fn status(fields: &mut DocumentFields<'_>) -> Option<Status> {
    let status = fields.take("status");
    let text = status.as_str().unwrap_or_default();
    let open = || text.parse().map(Status::Open).ok();
    match text.parse().map(Status::Ended).ok().or_else(open) {
        Some(status) => Some(status),
        None => fields.fault("status", "must be active, paused, completed, abandoned or cancelled"),
    }
}

/// Reads a text, an ObjectId or a number, which can be missing.
fn content_id(fields: &mut DocumentFields<'_>) -> Option<Option<String>> {
    let content_id = fields.take("contentId");
    match text_of(&content_id) {
        None if !content_id.is_null() => fields.fault("contentId", "must be a text, an ObjectId or a number"),
        content_id => Some(content_id),
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Reads the seconds, and repairs those that contradict each other as it is done with those of a client.
fn counters(fields: &mut DocumentFields<'_>, repairs: &mut Vec<RowFault>) -> Option<SecondCounters> {
    let elapsed = count(fields, "elapsedSeconds", repairs);
    let active = count(fields, "activeSeconds", repairs);
    let idle = count(fields, "idleSeconds", repairs);
    let (active, idle) = (active?.unwrap_or_default(), idle?.unwrap_or_default());
    let elapsed = elapsed?.unwrap_or_else(|| active.saturating_add(idle).min(COUNT_MAX));
    let mut at_most = |field: &str, seconds: u64, most: u64| {
        if seconds > most {
            let message = format!("is {seconds}, and becomes {most}: elapsedSeconds is {elapsed}");
            repairs.push(fields.repair(field, message));
        }
        seconds.min(most)
    };
    let active = at_most("activeSeconds", active, elapsed);
    let idle = at_most("idleSeconds", idle, elapsed - active);
    Some(SecondCounters { elapsed, active, idle })
}

/// Reads a number that counts something and can be missing.
fn count(fields: &mut DocumentFields<'_>, field: &str, repairs: &mut Vec<RowFault>) -> Option<Option<u64>> {
    let number = match fields.take(field) {
        Value::Null => return Some(None),
        Value::Number(number) => number,
        Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            return fields.fault(field, "must be a number");
        }
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what is below 0 becomes 0")]
    let whole = number.as_u64().unwrap_or_else(|| number.as_f64().unwrap_or_default() as u64).min(COUNT_MAX);
    if number.as_u64() != Some(whole) {
        repairs.push(fields.repair(field, format!("is {number}, and becomes {whole}")));
    }
    Some(Some(whole))
}

/// Reads the score, which is missing before the end.
fn score(fields: &mut DocumentFields<'_>, repairs: &mut Vec<RowFault>) -> Option<Option<u64>> {
    let score = count(fields, "focusScore", repairs)?;
    if let Some(score) = score.filter(|score| *score > SCORE_MAX) {
        repairs.push(fields.repair("focusScore", format!("is {score}, and becomes {SCORE_MAX}")));
    }
    Some(score.map(|score| score.min(SCORE_MAX)))
}

/// Reads the dates; each has a newer and an older name, or can be missing.
fn dates(fields: &mut DocumentFields<'_>, id: FocusId) -> Option<Dates> {
    let created_at = fields.optional_instant("createdAt");
    let updated_at = fields.optional_instant("updatedAt");
    let mut named = |name: &str, original: &str| {
        let (given, of_original) = (fields.optional_instant(name), fields.optional_instant(original));
        Some(given?.or(of_original?))
    };
    let (started_at, ended_at) = (named("startedAt", "startTime"), named("endedAt", "endTime"));
    let created_at = created_at?.unwrap_or_else(|| id.second());
    let started_at = started_at?.unwrap_or(created_at);
    Some(Dates { created_at, started_at, ended_at: ended_at?, updated_at: updated_at? })
}

/// Returns the end of a session that has ended, which is repaired if it is missing or before the start.
fn ended_at(
    fields: &DocumentFields<'_>,
    dates: &Dates,
    counters: SecondCounters,
    repairs: &mut Vec<RowFault>,
) -> Timestamp {
    let Dates { started_at, ended_at, updated_at, .. } = *dates;
    let (ended_at, origin) = match (ended_at, updated_at) {
        (Some(ended_at), _) => (ended_at, None),
        (None, Some(updated_at)) => (updated_at, Some("is missing, and becomes updatedAt")),
        (None, None) => {
            let millis = counters.elapsed.saturating_mul(1000);
            let at = Timestamp(started_at.0.saturating_add(millis));
            (at, Some("is missing, and becomes the start with elapsedSeconds added"))
        }
    };
    repairs.extend(origin.map(|message| fields.repair("endedAt", message)));
    if ended_at < started_at {
        repairs.push(fields.repair("endedAt", "is before the start, and becomes the start"));
    }
    ended_at.max(started_at)
}
