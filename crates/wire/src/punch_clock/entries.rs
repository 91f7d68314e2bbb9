//! `entries`: punches as pages post them, and as they are stored by the original.

use serde::Deserialize;
use serde_json::Value;
use timers::punch_clock::{Punch, PunchId, PunchKind};
use timers::{RawJson, Timestamp};

use crate::json_instant::{instant, millis};
use crate::punch_clock::request::BadRequest;

/// One punch, unread.
#[derive(Deserialize)]
struct RawPunch {
    id: Option<Value>,
    timestamp: Option<Value>,
    r#type: Option<Value>,
    time: Option<Value>,
}

/// Reads the punches of a request.
pub(super) fn posted(raw: &RawJson) -> Result<Vec<Punch>, BadRequest> {
    let entries: Vec<RawJson> =
        serde_json::from_str(raw.as_str()).map_err(|_| BadRequest::new("entries must be a list"))?;
    let read = |(nth, raw): (usize, &RawJson)| posted_punch(raw).map_err(|reason| named(nth, raw, &reason));
    entries.iter().enumerate().map(read).collect()
}

/// Returns the error of a malformed punch, which names it by its place and its id.
fn named(nth: usize, raw: &RawJson, reason: &str) -> BadRequest {
    let id = serde_json::from_str::<RawPunch>(raw.as_str()).ok().and_then(|punch| punch.id);
    BadRequest::new(format!("{}: {reason}", place(nth, id.as_ref())))
}

fn place(nth: usize, id: Option<&Value>) -> String {
    let id = id.filter(|id| id.is_string() || id.is_number()).map_or_else(String::new, |id| format!(" (id {id})"));
    format!("entries[{nth}]{id}")
}

fn posted_punch(raw: &RawJson) -> Result<Punch, String> {
    let raw: RawPunch = match raw.as_str().starts_with('{') {
        true => serde_json::from_str(raw.as_str()).map_err(|error| error.to_string())?,
        false => return Err("must be an object".to_owned()),
    };
    punch(raw, millis, "must be a number of milliseconds since 1970")
}

/// Reads the punches of a stored document. The error has the place of the malformed one, and the reason.
pub(super) fn stored(entries: Vec<Value>) -> Result<Vec<Punch>, (String, String)> {
    let read = |(nth, value): (usize, Value)| {
        let id = value.get("id").cloned();
        stored_punch(value).map_err(|reason| (place(nth, id.as_ref()), reason))
    };
    entries.into_iter().enumerate().map(read).collect()
}

fn stored_punch(value: Value) -> Result<Punch, String> {
    if !value.is_object() {
        return Err("must be an object".to_owned());
    }
    let raw: RawPunch = serde_json::from_value(value).map_err(|error| error.to_string())?;
    punch(raw, instant, "must be a date, or a number of milliseconds since 1970")
}

fn punch(raw: RawPunch, instant: fn(&Value) -> Option<Timestamp>, instants: &str) -> Result<Punch, String> {
    let id = PunchId::new(&raw.id.unwrap_or_default()).map_err(|error| format!("id {error}"))?;
    let at = raw.timestamp.as_ref().and_then(instant).ok_or_else(|| format!("timestamp {instants}"))?;
    let kind = match raw.r#type.as_ref().and_then(Value::as_str) {
        Some("IN") => PunchKind::In,
        Some("OUT") => PunchKind::Out,
        Some(_) | None => return Err(r#"type must be "IN" or "OUT""#.to_owned()),
    };
    let time = raw.time.as_ref().and_then(Value::as_str).filter(|time| is_time(time)).map(str::to_owned);
    Ok(Punch { id, at, kind, time })
}

fn is_time(text: &str) -> bool {
    let digits = |part: &str, below: u8| {
        part.len() == 2
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && part.parse().is_ok_and(|number: u8| number < below)
    };
    let parts: Vec<&str> = text.split(':').collect();
    matches!(parts[..], [hours, minutes, seconds] if digits(hours, 24) && digits(minutes, 60) && digits(seconds, 60))
}
