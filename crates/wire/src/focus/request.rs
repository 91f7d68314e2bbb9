//! Bodies and queries of HTTP requests.

use std::str::FromStr;

use serde_json::Value;
use timers::focus::{
    BadStatus, BadTarget, Ending, FocusId, OpenStatus, ReportedCounters, SessionChange, TargetMinutes,
};
use timers::{Fields, RawJson};

use crate::whole_number::whole_number;

/// The subject of a session whose page gives none.
const SUBJECT_DEFAULT: &str = "General";

/// Why a request is not carried out. The text is the `message` of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadFocusRequest(pub String);

/// The body of `POST /api/sessions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSessionRequest {
    /// What the person works with.
    pub content_id: Option<String>,
    /// The subject.
    pub subject: String,
    /// How long the person sets out to work.
    pub target_minutes: TargetMinutes,
}

/// The query of `GET /api/sessions`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionList {
    /// The status of the listed sessions; any if `None`.
    pub status: Option<StatusFilter>,
    /// Most sessions; all if `None`.
    pub limit: Option<usize>,
    /// Only sessions that are older than this one.
    pub before: Option<FocusId>,
}

/// A status, of a session that has ended or of one that has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusFilter {
    /// It has not ended.
    Open(OpenStatus),
    /// It has.
    Ended(Ending),
}

impl BadFocusRequest {
    fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl From<BadStatus> for BadFocusRequest {
    fn from(bad: BadStatus) -> Self {
        Self(bad.to_string())
    }
}

impl From<BadTarget> for BadFocusRequest {
    fn from(bad: BadTarget) -> Self {
        Self(bad.to_string())
    }
}

impl FromStr for StatusFilter {
    type Err = BadStatus;

    fn from_str(text: &str) -> Result<Self, BadStatus> {
        text.parse().map(Self::Open).or_else(|_| text.parse().map(Self::Ended))
    }
}

impl NewSessionRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// The body is not a JSON object, the target is not a number above 0, or a text is none.
    pub fn read(body: &str) -> Result<Self, BadFocusRequest> {
        let mut fields = object(body)?;
        let target_minutes = target(fields.take_raw("targetMinutes").as_ref())?;
        let content_id = content_id(&mut fields)?.flatten();
        let subject = subject(&mut fields)?.unwrap_or_else(|| SUBJECT_DEFAULT.to_owned());
        Ok(Self { content_id, subject, target_minutes })
    }
}

/// Reads the body of `PUT /api/sessions/:id`. Other fields of the document are never taken.
///
/// # Errors
/// As [`NewSessionRequest::read`]; and the status is neither `active` nor `paused`.
pub fn session_change(body: &str) -> Result<SessionChange, BadFocusRequest> {
    let mut fields = object(body)?;
    let target_minutes = fields.take_raw("targetMinutes").map(|raw| target(Some(&raw))).transpose()?;
    let status = match fields.take_raw("status").filter(|raw| raw.as_str() != "null") {
        Some(raw) => Some(text(&raw).ok_or(BadStatus)?.parse::<OpenStatus>()?),
        None => None,
    };
    Ok(SessionChange { subject: subject(&mut fields)?, content_id: content_id(&mut fields)?, target_minutes, status })
}

/// Reads the body of `PUT /api/sessions/:id/end`: how the session ends, and the counters of the client. Counters that are no
/// numbers count as absent.
///
/// # Errors
/// The body is not a JSON object, or there is no such status.
pub fn ending_request(body: &str) -> Result<(Ending, ReportedCounters), BadFocusRequest> {
    let mut fields = object(body)?;
    let ending = match fields.take_raw("status").filter(|raw| raw.as_str() != "null") {
        Some(raw) => text(&raw).ok_or(BadStatus)?.parse()?,
        None => Ending::Completed,
    };
    let mut counter = |name: &str| fields.take_raw(name).as_ref().and_then(counter);
    let reported = ReportedCounters {
        elapsed: counter("elapsedSeconds"),
        active: counter("activeSeconds"),
        idle: counter("idleSeconds"),
        tab_switches: counter("tabSwitches"),
    };
    Ok((ending, reported))
}

impl SessionList {
    /// Reads the parameters; empty ones count as absent.
    ///
    /// # Errors
    /// One of them has no value of its kind.
    pub fn read(status: Option<&str>, limit: Option<&str>, before: Option<&str>) -> Result<Self, BadFocusRequest> {
        let given = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
        let bad_limit = || BadFocusRequest::new("limit must be a whole number above 0");
        let limit = given(limit).map(|text| whole_number(&text).ok_or_else(bad_limit));
        Ok(Self {
            status: given(status).map(|text| text.parse()).transpose()?,
            limit: limit.transpose()?,
            before: given(before).map(|text| session_id(&text)).transpose()?,
        })
    }
}

/// Reads the id of a session.
///
/// # Errors
/// It is not 24 hexadecimal digits.
pub fn session_id(text: &str) -> Result<FocusId, BadFocusRequest> {
    text.parse().map_err(|_| BadFocusRequest::new("Invalid ID format"))
}

/// Reads a body; an empty one is an empty object.
fn object(body: &str) -> Result<Fields, BadFocusRequest> {
    let body = if body.trim().is_empty() { "{}" } else { body };
    let raw = RawJson::new(body).map_err(|error| BadFocusRequest::new(format!("the body is not JSON: {error}")))?;
    if !raw.as_str().starts_with('{') {
        return Err(BadFocusRequest::new("the body must be an object"));
    }
    serde_json::from_str(raw.as_str()).map_err(|error| BadFocusRequest::new(format!("the body is not JSON: {error}")))
}

/// Reads the target, a number or its text.
fn target(raw: Option<&RawJson>) -> Result<TargetMinutes, BadTarget> {
    let raw = raw.ok_or(BadTarget)?;
    match text(raw) {
        Some(text) => text.trim().parse(),
        None => raw.as_str().parse(),
    }
}

fn subject(fields: &mut Fields) -> Result<Option<String>, BadFocusRequest> {
    let raw = fields.take_raw("subject").filter(|raw| raw.as_str() != "null");
    raw.map(|raw| text(&raw).ok_or_else(|| BadFocusRequest::new("subject must be a text"))).transpose()
}

/// Reads the id of the content; `Some(None)` for none.
fn content_id(fields: &mut Fields) -> Result<Option<Option<String>>, BadFocusRequest> {
    let Some(raw) = fields.take_raw("contentId") else { return Ok(None) };
    match serde_json::from_str(raw.as_str()) {
        Ok(Value::Null) => Ok(Some(None)),
        Ok(Value::String(text)) => Ok(Some(Some(text))),
        Ok(Value::Number(number)) => Ok(Some(Some(number.to_string()))),
        Ok(Value::Bool(_) | Value::Array(_) | Value::Object(_)) | Err(_) => {
            Err(BadFocusRequest::new("contentId must be a text"))
        }
    }
}

fn text(raw: &RawJson) -> Option<String> {
    serde_json::from_str(raw.as_str()).ok()
}

/// Reads a counter, a number or its text. Negative ones are 0, and fractions are cut off.
fn counter(raw: &RawJson) -> Option<u64> {
    let number: f64 = match text(raw) {
        Some(text) => text.trim().parse().ok()?,
        None => raw.as_str().parse().ok()?,
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
    (!number.is_nan()).then_some(number as u64)
}
