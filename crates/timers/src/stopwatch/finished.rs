//! A finished session in the history.

use serde::{Deserialize, Serialize};
use serde_json::Number;

use crate::history::{HistoryId, Row};
use crate::ids::SessionId;
use crate::raw_json::RawJson;
use crate::stopwatch::canonical::canonical;
use crate::stopwatch::session::Stopwatch;
use crate::time::{Millis, Timestamp};

/// The format that this version writes.
const FORMAT: u32 = 1;

/// A finished session: one that was stopped here, or an imported row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Finished {
    /// The session, if it was stopped here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The group's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_id: Option<String>,
    /// The group's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_name: Option<String>,
    /// The start of the first run.
    pub started: Timestamp,
    /// The end.
    pub ended: Timestamp,
    /// Duration in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<Number>,
    /// Idle time in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_seconds: Option<Number>,
    /// Lines of code added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines_added: Option<Number>,
    /// Lines of code deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines_deleted: Option<Number>,
    /// Seconds by file, an object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_file_seconds: Option<RawJson>,
    /// Seconds by language, an object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_language_seconds: Option<RawJson>,
    /// The author's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author_name: Option<String>,
    /// The author's e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author_email: Option<String>,
    /// The machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// The editor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ide_name: Option<String>,
    /// The workspace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// The repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repo_path: Option<String>,
    /// The branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The issue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issue_key: Option<String>,
    /// The comment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The goals, an array.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goals: Option<RawJson>,
}

impl Finished {
    pub(crate) fn of(session: &Stopwatch, ended: Timestamp) -> Self {
        let goals = serde_json::to_string(&session.goals).expect("goals are JSON");
        Self {
            session: Some(session.id.clone()),
            label: Some(session.label.clone()),
            group_id: session.group_id.clone(),
            group_name: session.group_name.clone(),
            started: session.first_started_at,
            ended,
            duration_seconds: Some(seconds(session.accumulated)),
            comment: session.comment.clone(),
            goals: Some(RawJson::new(&goals).expect("goals are JSON")),
            ..Self::default()
        }
    }

    /// Returns the id of the row: the session's id, or that of the row's content.
    pub fn row_id(&self) -> HistoryId {
        match &self.session {
            Some(session) => HistoryId::of("session", session.as_str()),
            None => self.content_id(),
        }
    }

    /// Returns a hash (xxh3-128) of the row in its canonical form. Rows with the same content have the same id, whatever
    /// file format they come from; a session that was stopped here has the id of the row that is exported for it.
    pub fn content_id(&self) -> HistoryId {
        HistoryId::of("row", &format!("{:032x}", xxhash_rust::xxh3::xxh3_128(&canonical(self).encode())))
    }

    /// Encodes the row for the history.
    pub fn row(&self) -> Row {
        let json = String::from_utf8(self.encode()).expect("JSON is UTF-8");
        let body = RawJson::new(&json).expect("just written as JSON");
        Row { id: self.row_id(), at: self.ended, body, terms: Vec::new() }
    }

    /// Reads a row's body.
    ///
    /// # Errors
    /// The parser's error: the store is damaged.
    pub fn decode(body: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(body)
    }

    fn encode(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Stored<'a> {
            v: u32,
            #[serde(flatten)]
            row: &'a Finished,
        }
        serde_json::to_vec(&Stored { v: FORMAT, row: self }).expect("a row has no key that JSON cannot write")
    }
}

/// Whole seconds as an integer, others with their milliseconds.
fn seconds(span: Millis) -> Number {
    match span.0 % 1000 {
        0 => Number::from(span.0 / 1000),
        _ => {
            #[expect(clippy::cast_precision_loss, reason = "exact below 285,000 years")]
            let seconds = span.0 as f64 / 1000.0;
            Number::from_f64(seconds).expect("a quotient of two integers is finite")
        }
    }
}
