//! A focus session that has ended, in the history.

use serde::{Deserialize, Serialize};

use crate::fields::stored_object;
use crate::focus::counters::SecondCounters;
use crate::focus::id::FocusId;
use crate::focus::session::FocusSession;
use crate::focus::status::Ending;
use crate::focus::target::TargetMinutes;
use crate::history::Row;
use crate::raw_json::RawJson;
use crate::time::Timestamp;

/// The format of the rows that this version writes.
const ROW_FORMAT: u32 = 1;

/// A focus session that has ended. Its instants are dates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedSession {
    /// The session's id.
    pub id: FocusId,
    /// What the person worked with, if the page has told.
    pub content_id: Option<String>,
    /// The subject.
    pub subject: String,
    /// How long the person set out to work.
    pub target_minutes: TargetMinutes,
    /// How it has ended.
    pub ending: Ending,
    /// The date of the creation.
    pub created_at: Timestamp,
    /// The date from which the session is shown as started.
    pub started_at: Timestamp,
    /// The date of the end.
    pub ended_at: Timestamp,
    /// The date of the last change.
    pub updated_at: Timestamp,
    /// The seconds.
    pub counters: SecondCounters,
    /// How often the person has left the page.
    pub tab_switches: u64,
    /// The score.
    pub focus_score: u64,
    /// Fields of a newer version, kept byte for byte.
    pub unknown_fields: Vec<(String, RawJson)>,
}

stored_object!(EndedSession {
    id: required,
    content_id: optional,
    subject: required,
    target_minutes: required,
    ending: required,
    created_at: required,
    started_at: required,
    ended_at: required,
    updated_at: required,
    counters: required,
    tab_switches: required,
    focus_score: required,
});

impl EndedSession {
    /// Ends a session at a date with counted seconds.
    pub(crate) fn of(session: &FocusSession, ending: Ending, counters: SecondCounters, now: Timestamp) -> Self {
        Self {
            id: session.id,
            content_id: session.content_id.clone(),
            subject: session.subject.clone(),
            target_minutes: session.target_minutes.clone(),
            ending,
            created_at: session.created_at,
            started_at: session.started_at,
            ended_at: now,
            updated_at: now,
            counters,
            tab_switches: session.tab_switches,
            focus_score: 0,
            unknown_fields: session.unknown_fields.clone(),
        }
    }

    /// Encodes the session for the history, where it is found by its ending.
    pub fn row(&self) -> Row {
        #[derive(Serialize)]
        struct Stored<'a> {
            v: u32,
            session: &'a EndedSession,
        }
        let json = serde_json::to_string(&Stored { v: ROW_FORMAT, session: self });
        let body = RawJson::new(&json.expect("a session has no key that JSON cannot write")).expect("written as JSON");
        Row { id: self.id.row_id(), at: self.created_at, body, terms: vec![self.ending.term()] }
    }

    /// Reads the body of a row.
    ///
    /// # Errors
    /// The parser's error: the row is damaged, or of a newer format.
    pub fn decode(body: &str) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Stored {
            v: u32,
            session: EndedSession,
        }
        let stored: Stored = serde_json::from_str(body)?;
        if stored.v > ROW_FORMAT {
            return Err(serde::de::Error::custom(format_args!("a row of format {} of a newer version", stored.v)));
        }
        Ok(stored.session)
    }
}
