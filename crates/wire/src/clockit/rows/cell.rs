//! One value of a row, independent of the file format.

use serde_json::Number;
use timers::{RawJson, Timestamp};

use crate::iso;

/// A value with its type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Time(Timestamp),
    Number(Number),
    Json(RawJson),
    Text(String),
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Time,
    Number,
    Object,
    Array,
    Text,
}

impl Kind {
    /// Reads a value from the text of a CSV cell.
    pub(crate) fn read_text(self, text: &str) -> Result<Cell, String> {
        match self {
            Self::Time => iso::read(text).map(Cell::Time),
            Self::Number => {
                let number = text.trim().parse::<Number>().map_err(|_| "must be a number".to_owned())?;
                not_negative(number)
            }
            Self::Object | Self::Array => {
                let json = RawJson::new(text).map_err(|error| format!("must be JSON: {error}"))?;
                self.of_shape(json)
            }
            Self::Text => Ok(Cell::Text(text.to_owned())),
        }
    }

    /// Reads a value from JSON.
    pub(crate) fn read_json(self, json: RawJson) -> Result<Cell, String> {
        let text = || serde_json::from_str::<String>(json.as_str()).map_err(|_| "must be a text".to_owned());
        match self {
            Self::Time => iso::read(&text()?).map(Cell::Time),
            Self::Number => {
                let number = serde_json::from_str(json.as_str()).map_err(|_| "must be a number".to_owned())?;
                not_negative(number)
            }
            Self::Object | Self::Array => self.of_shape(json),
            Self::Text => text().map(Cell::Text),
        }
    }

    fn of_shape(self, json: RawJson) -> Result<Cell, String> {
        let (first, name) = if self == Self::Object { ('{', "object") } else { ('[', "array") };
        // Rows are compared by their values, so white space must not matter.
        if json.as_str().starts_with(first) {
            Ok(Cell::Json(json.compact()))
        } else {
            Err(format!("must be a JSON {name}"))
        }
    }
}

fn not_negative(number: Number) -> Result<Cell, String> {
    match number.as_f64() {
        Some(value) if value >= 0.0 && value.is_finite() => Ok(Cell::Number(number)),
        Some(_) | None => Err("must not be negative".to_owned()),
    }
}
