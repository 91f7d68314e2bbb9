//! A span of work, running or finished.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::fields::stored_object;
use crate::history::{HistoryId, IndexTerm, Row};
use crate::item::ItemId;
use crate::position::Revision;
use crate::raw_json::RawJson;
use crate::studio::money::{Cost, Rate, whole_minutes};
use crate::studio::task_type::TaskTypeId;
use crate::system::ItemType;
use crate::time::{Millis, Timestamp};

/// About how many bytes a stored entry takes besides its texts.
const FIXED_BYTES: usize = 320;

/// The format of the rows that this version writes.
const ROW_FORMAT: u32 = 1;

/// Names a time entry within its organisation: a number that is counted from 1 and never used again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryId(pub u64);

/// The kind of thing that work is done for. Tickcast knows nothing more of these things than their ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetKind {
    /// A session.
    Session,
    /// A project.
    Project,
    /// A track.
    Track,
}

/// The thing that work is done for. At most one entry of a target runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The kind.
    pub kind: TargetKind,
    /// The id; never 0.
    pub id: i64,
}

/// A span of work.
///
/// The start of a running entry is cluster time while it is on the board. All other instants are dates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeEntry {
    /// The entry's id.
    pub id: EntryId,
    /// The commit that created the entry.
    pub created: Revision,
    /// The kind of work.
    pub task_type: TaskTypeId,
    /// What the work is done for.
    pub target: Target,
    /// The start.
    pub start: Timestamp,
    /// The end; `None` while the entry runs.
    pub end: Option<Timestamp>,
    /// The price of an hour, as it was at the start.
    pub rate: Rate,
    /// Whether the work is billed, as it was at the start.
    pub billable: bool,
    /// Whether someone has corrected the entry.
    pub manually_adjusted: bool,
    /// The notes, if there are any.
    pub notes: Option<String>,
    /// The person who started the entry, as their login names them.
    pub created_by: String,
    /// The date of the creation.
    pub created_at: Timestamp,
    /// The date of the last change.
    pub updated_at: Timestamp,
    /// Fields of a newer version, kept byte for byte.
    pub unknown_fields: Vec<(String, RawJson)>,
}

stored_object!(TimeEntry {
    id: required,
    created: required,
    task_type: required,
    target: required,
    start: required,
    end: optional,
    rate: required,
    billable: required,
    manually_adjusted: required,
    notes: optional,
    created_by: required,
    created_at: required,
    updated_at: required,
});

impl ItemId for EntryId {
    fn as_text(&self) -> Cow<'_, str> {
        self.0.to_string().into()
    }
}

impl EntryId {
    /// The first id of an organisation.
    pub(crate) const FIRST: Self = Self(1);

    /// Returns the id of the entry's row in the history. The order of rows of one start is that of their numbers.
    pub fn row_id(self) -> HistoryId {
        HistoryId::of("time-entry", &format!("{:020}", self.0))
    }
}

impl TargetKind {
    /// Returns the kind's name in index terms.
    fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Project => "project",
            Self::Track => "track",
        }
    }
}

impl Target {
    /// Returns the index term of the rows of this target.
    pub fn term(self) -> IndexTerm {
        IndexTerm::of(self.kind.name(), self.id)
    }
}

impl TaskTypeId {
    /// Returns the index term of the rows of this type.
    pub fn term(self) -> IndexTerm {
        IndexTerm::of("type", self.0)
    }
}

impl TimeEntry {
    /// Returns the duration in whole minutes; `None` while the entry runs.
    pub fn minutes(&self) -> Option<u64> {
        Some(whole_minutes(self.end?.since(self.start)))
    }

    /// Returns the cost; `None` while the entry runs.
    pub fn cost(&self) -> Option<Cost> {
        Some(Cost::of(self.minutes()?, self.rate))
    }

    /// Encodes a finished entry for the history.
    pub(crate) fn row(&self) -> Row {
        #[derive(Serialize)]
        struct Stored<'a> {
            v: u32,
            entry: &'a TimeEntry,
        }
        let json = serde_json::to_string(&Stored { v: ROW_FORMAT, entry: self });
        let body = RawJson::new(&json.expect("an entry has no key that JSON cannot write")).expect("written as JSON");
        let terms = vec![self.target.term(), self.task_type.term()];
        Row { id: self.id.row_id(), at: self.start, body, terms }
    }

    /// Reads the body of a row.
    ///
    /// # Errors
    /// The parser's error: the row is damaged, or of a newer format.
    pub fn decode(body: &str) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Stored {
            v: u32,
            entry: TimeEntry,
        }
        let stored: Stored = serde_json::from_str(body)?;
        if stored.v > ROW_FORMAT {
            return Err(serde::de::Error::custom(format_args!("a row of format {} of a newer version", stored.v)));
        }
        Ok(stored.entry)
    }
}

impl ItemType for TimeEntry {
    const KIND: &'static str = "time-entry";
    type Id = EntryId;

    fn id(&self) -> &EntryId {
        &self.id
    }

    fn move_back(&mut self, by: Millis) {
        self.start = self.start - by;
    }

    fn weight(&self) -> usize {
        FIXED_BYTES + self.created_by.len() + self.notes.as_ref().map_or(0, String::len)
    }
}
