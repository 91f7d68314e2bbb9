//! The cells of one row, each read as the type of its column.

use std::sync::Arc;

use timers::studio::{Category, Rate, Target, TargetKind};
use timers::{Timestamp, UserId};

use crate::iso;
use crate::row_fault::{Faults, RowFault};
use crate::studio::input::is_color;
use crate::studio::number::INTEGER_MAX;

/// Longest name in characters: the width of the original's column.
const NAME_CHARS_MAX: usize = 100;

/// How PostgreSQL writes the values of `numeric` that are no numbers.
const NO_NUMBERS: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

/// The cells of one row. Each method reads a column, and records a fault if the cell has no value of its type; it then
/// returns `None`.
pub struct Cells<'r> {
    pub(super) line: u64,
    /// The columns of the file that are known, with their texts; `None` is NULL.
    pub(super) texts: Vec<(&'static str, Option<&'r str>)>,
    pub(super) text_chars: usize,
    pub(super) faults: &'r mut Faults,
    pub(super) repairs: &'r mut Vec<RowFault>,
    /// The organisation of the previous row, which is usually that of this one.
    pub(super) organization: &'r mut Option<Arc<str>>,
}

impl<'r> Cells<'r> {
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    fn text(&self, column: &str) -> Option<&'r str> {
        self.texts.iter().find(|(name, _)| *name == column)?.1
    }

    /// Reads a column that may be NULL or missing in the file.
    fn nullable<T>(&mut self, column: &str, read: impl FnOnce(&'r str) -> Result<T, String>) -> Option<Option<T>> {
        match self.text(column).map(read) {
            None => Some(None),
            Some(Ok(value)) => Some(Some(value)),
            Some(Err(message)) => self.fault(column, message),
        }
    }

    /// Reads a column that must not be NULL.
    fn required<T>(&mut self, column: &str, read: impl FnOnce(&'r str) -> Result<T, String>) -> Option<T> {
        match self.nullable(column, read)? {
            Some(value) => Some(value),
            None => self.fault(column, "must not be NULL (an empty cell)"),
        }
    }

    fn fault<T>(&mut self, column: &str, message: impl Into<String>) -> Option<T> {
        self.faults.add(self.line, column, message);
        None
    }

    /// Reads an id of this table or another one.
    pub(super) fn id(&mut self, column: &str) -> Option<u64> {
        let positive = |text| u64::try_from(integer(text)?).ok().filter(|id| *id > 0).ok_or_else(not_positive);
        self.required(column, positive)
    }

    pub(super) fn integer(&mut self, column: &str) -> Option<i64> {
        self.required(column, integer)
    }

    pub(super) fn nullable_integer(&mut self, column: &str) -> Option<Option<i64>> {
        self.nullable(column, integer)
    }

    pub(super) fn boolean(&mut self, column: &str) -> Option<bool> {
        self.required(column, boolean)
    }

    pub(super) fn nullable_boolean(&mut self, column: &str) -> Option<Option<bool>> {
        self.nullable(column, boolean)
    }

    pub(super) fn timestamp(&mut self, column: &str) -> Option<Timestamp> {
        self.required(column, iso::read_sql)
    }

    pub(super) fn nullable_timestamp(&mut self, column: &str) -> Option<Option<Timestamp>> {
        self.nullable(column, iso::read_sql)
    }

    /// Reads a rate. One that is no number becomes 0, which is a repair.
    pub(super) fn rate(&mut self, column: &str) -> Option<Rate> {
        if let Some(text) = self.text(column).filter(|text| NO_NUMBERS.contains(text)) {
            let message = format!("is {text}, which is no number; it becomes 0.00");
            self.repairs.push(RowFault { line: self.line, column: column.to_owned(), message });
            return Some(Rate::default());
        }
        self.required(column, |text| text.parse().map_err(|error| format!("{error}")))
    }

    pub(super) fn name(&mut self) -> Option<String> {
        self.required("name", |text| {
            let fits = (1..=NAME_CHARS_MAX).contains(&text.chars().count());
            if fits { Ok(text.to_owned()) } else { Err(format!("must have 1 to {NAME_CHARS_MAX} characters")) }
        })
    }

    /// Reads notes or a description. An empty text is not NULL.
    pub(super) fn long_text(&mut self, column: &str) -> Option<Option<String>> {
        let chars_max = self.text_chars;
        self.nullable(column, |text| {
            let fits = text.len() <= chars_max || text.chars().count() <= chars_max;
            if fits { Ok(text.to_owned()) } else { Err(format!("must have at most {chars_max} characters")) }
        })
    }

    pub(super) fn category(&mut self) -> Option<Category> {
        self.required("category", |text| match text {
            "billable" => Ok(Category::Billable),
            "non-billable" => Ok(Category::NonBillable),
            _ => Err("must be billable or non-billable".to_owned()),
        })
    }

    pub(super) fn color(&mut self) -> Option<Option<String>> {
        self.nullable("color", |text| {
            if is_color(text) { Ok(text.to_owned()) } else { Err("must be a color such as #3B82F6".to_owned()) }
        })
    }

    /// Reads the person who created a row, as the login names it; empty if it is not known.
    pub(super) fn user(&mut self, column: &str) -> Option<String> {
        let user = self.nullable(column, |text| match UserId::new(text) {
            Ok(_) => Ok(text.to_owned()),
            Err(error) => Err(format!("is no user id: it {error}")),
        })?;
        Some(user.unwrap_or_default())
    }

    /// Reads the organisation; `None` within if the table has no such column.
    pub(super) fn organization(&mut self) -> Option<Option<Arc<str>>> {
        let column = "organization_id";
        if self.texts.iter().all(|(name, _)| *name != column) {
            return Some(None);
        }
        let text = self.required(column, Ok)?;
        if self.organization.as_deref() != Some(text) {
            *self.organization = Some(text.into());
        }
        Some(self.organization.clone())
    }

    /// Reads the target. An id that is 0 or NULL counts as absent.
    pub(super) fn target(&mut self) -> Option<Target> {
        let columns =
            [("session_id", TargetKind::Session), ("project_id", TargetKind::Project), ("track_id", TargetKind::Track)];
        let mut found = Vec::new();
        for (column, kind) in columns {
            let id = self.nullable_integer(column)?.filter(|id| *id != 0);
            found.extend(id.map(|id| Target { kind, id }));
        }
        match found[..] {
            [target] => Some(target),
            [] => self.fault("session_id", "one of session_id, project_id and track_id must be given, and none is"),
            [..] => {
                let message = "only one of session_id, project_id and track_id can be given, and there are several";
                self.fault("session_id", message)
            }
        }
    }
}

fn integer(text: &str) -> Result<i64, String> {
    let integer = text.parse().ok().filter(|integer: &i64| integer.abs() <= INTEGER_MAX);
    integer.ok_or_else(|| format!("must be an integer, of at most {INTEGER_MAX}"))
}

fn not_positive() -> String {
    "must be above 0".to_owned()
}

fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "t" | "true" => Ok(true),
        "f" | "false" => Ok(false),
        _ => Err("must be t or f".to_owned()),
    }
}
