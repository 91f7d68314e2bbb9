//! What the devices of one person did, and what they were shown: the punches, the resets and the documents.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::punch_clock::DeviceRecord;

const DAY_MS: u64 = 86_400_000;

/// How far the clocks of the suite and of Redis can be apart: a reset so close to midnight can be of another day.
const CLOCKS_APART: Duration = Duration::from_secs(10);

/// A punch as a document shows it: its instant in ms since 1970, and its type.
pub(super) type ShownPunch<'e> = (u64, &'e str);

/// What happened to the days of one person.
pub(super) struct PunchHistory<'e> {
    /// The punches by id, as JSON.
    pub(super) punches: BTreeMap<String, PostedPunch<'e>>,
    pub(super) resets: Vec<Reset>,
    pub(super) documents: Vec<ShownDocument<'e>>,
    /// The start of the run, in ms since 1970.
    started_ms: u64,
}

/// A punch that was posted.
pub(super) struct PostedPunch<'e> {
    pub(super) posted: ShownPunch<'e>,
    /// As the first document showed it: a device whose clock is behind gives another instant.
    pub(super) shown: Option<ShownPunch<'e>>,
    pub(super) first_sent_at: Duration,
    /// When an answer told first that it is stored.
    pub(super) stored_at: Option<Duration>,
    /// Whether it is of a day that had ended when it was posted.
    pub(super) is_late: bool,
}

/// One attempt to reset the day.
pub(super) struct Reset {
    pub(super) sent_at: Duration,
    /// `None` if the outcome is not known.
    pub(super) answered_at: Option<Duration>,
}

/// A document of an answer.
pub(super) struct ShownDocument<'e> {
    pub(super) sent_at: Duration,
    pub(super) answered_at: Duration,
    pub(super) document: &'e Value,
}

impl<'e> PunchHistory<'e> {
    /// Collects what the devices of a person did.
    pub(super) fn of(devices: impl Iterator<Item = &'e DeviceRecord>, started_ms: u64) -> Self {
        let mut attempts: Vec<_> = devices.flat_map(|device| &device.attempts).collect();
        attempts.sort_by_key(|attempt| attempt.sent_at);
        let mut history = Self { punches: BTreeMap::new(), resets: vec![], documents: vec![], started_ms };
        for attempt in attempts {
            let (sent_at, answer) = (attempt.sent_at, attempt.answer.as_ref());
            for punch in attempt.request.punches() {
                history.post(punch, sent_at, answer);
            }
            if attempt.request.is_reset() {
                history.resets.push(Reset { sent_at, answered_at: answer.map(|(at, _)| *at) });
            }
            if let Some((answered_at, body)) = answer.filter(|(_, body)| body["data"].is_object()) {
                history.documents.push(ShownDocument { sent_at, answered_at: *answered_at, document: &body["data"] });
            }
        }
        for shown in &history.documents {
            for (id, punch) in own_punches(shown.document) {
                if let Some(known) = history.punches.get_mut(&id) {
                    known.shown.get_or_insert(punch);
                }
            }
        }
        history
    }

    fn post(&mut self, punch: &'e Value, sent_at: Duration, answer: Option<&(Duration, Value)>) {
        let Some(posted) = shown_punch(punch) else { return };
        let is_late = posted.0 / DAY_MS < (self.started_ms + millis(sent_at)) / DAY_MS;
        let id = punch["id"].to_string();
        let known = self.punches.entry(id.clone()).or_insert(PostedPunch {
            posted,
            shown: None,
            first_sent_at: sent_at,
            stored_at: None,
            is_late,
        });
        if let Some((answered_at, body)) = answer
            && !is_rejected(body, &id)
        {
            known.stored_at = Some(known.stored_at.map_or(*answered_at, |before| before.min(*answered_at)));
        }
    }

    /// Tells whether a punch was certainly deleted before an instant: a reset was answered that was sent after the punch was
    /// stored.
    pub(super) fn is_deleted(&self, punch: &PostedPunch<'_>, before: Duration) -> bool {
        let Some(stored_at) = punch.stored_at.filter(|_| !punch.is_late) else { return false };
        self.resets.iter().any(|reset| {
            let Some(answered_at) = reset.answered_at.filter(|at| *at <= before) else { return false };
            let day_of = |at: Duration| (self.started_ms + millis(at)) / DAY_MS;
            let is_of_day = [reset.sent_at.saturating_sub(CLOCKS_APART), answered_at + CLOCKS_APART]
                .into_iter()
                .all(|at| day_of(at) == punch.day());
            stored_at <= reset.sent_at && is_of_day
        })
    }

    /// Tells whether a reset can have deleted a punch by an instant. One without an answer can take effect at any time.
    pub(super) fn can_be_deleted(&self, punch: &PostedPunch<'_>, by: Duration) -> bool {
        !punch.is_late
            && self
                .resets
                .iter()
                .any(|reset| reset.sent_at <= by && reset.answered_at.is_none_or(|at| at >= punch.first_sent_at))
    }
}

impl PostedPunch<'_> {
    /// Returns the day, in days since 1970.
    pub(super) fn day(&self) -> u64 {
        self.shown.unwrap_or(self.posted).0 / DAY_MS
    }

    /// Tells whether a punch that is missing in a list does not stand there: of two of one type the earlier stands, and an
    /// OUT without an IN before it does not. Where it is placed is not known of one that was never shown.
    pub(super) fn does_not_stand(&self, shown: &BTreeMap<String, ShownPunch<'_>>) -> bool {
        let Some(own) = self.shown.or(self.is_late.then_some(self.posted)) else { return true };
        // At one instant, an IN is before an OUT, as their names are.
        let before = shown.values().filter(|punch| **punch <= own).max();
        before.map_or("OUT", |punch| punch.1) == own.1
    }
}

/// Tells whether an answer says that a posted punch was not stored.
fn is_rejected(answer: &Value, id: &str) -> bool {
    ignored_reason(answer, id).is_some_and(|reason| !is_of_neighbours(reason))
}

/// Returns why an answer ignores a punch.
pub(super) fn ignored_reason<'a>(answer: &'a Value, id: &str) -> Option<&'a str> {
    let id: Value = serde_json::from_str(id).ok()?;
    let ignored = answer["ignored"].as_array()?.iter().find(|ignored| ignored["id"] == id)?;
    ignored["reason"].as_str()
}

/// Tells whether a punch is stored but has no effect beside its neighbours.
pub(super) fn is_of_neighbours(reason: &str) -> bool {
    reason.ends_with("stands") || reason == "there is no IN before it"
}

/// Returns the punches of a document that were made on its day: one that was carried over is shown at midnight.
pub(super) fn own_punches(document: &Value) -> impl Iterator<Item = (String, ShownPunch<'_>)> {
    entries(document).filter(|(_, punch)| punch.0 % DAY_MS != 0)
}

/// Returns the punches of a document or of a log.
pub(super) fn entries(document: &Value) -> impl Iterator<Item = (String, ShownPunch<'_>)> {
    let entries = document["entries"].as_array().into_iter().flatten();
    entries.filter_map(|punch| Some((punch["id"].to_string(), shown_punch(punch)?)))
}

/// Returns the day of a document or of a log, in days since 1970.
pub(super) fn day_of(document: &Value) -> Option<u64> {
    let date = document["lastActiveDate"].as_str().or_else(|| document["date"].as_str())?;
    let date: jiff::civil::Date = date.get(..10)?.parse().ok()?;
    let start = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    u64::try_from(start.timestamp().as_millisecond()).ok().map(|ms| ms / DAY_MS)
}

/// Reads a punch, whose instant is a text in logs.
fn shown_punch(punch: &Value) -> Option<ShownPunch<'_>> {
    let instant = &punch["timestamp"];
    let text = || instant.as_str()?.parse::<jiff::Timestamp>().ok()?.as_millisecond().try_into().ok();
    Some((instant.as_u64().or_else(text)?, punch["type"].as_str()?))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
