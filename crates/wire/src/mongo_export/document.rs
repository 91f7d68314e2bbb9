//! The fields of one document, each read as its type.

use serde_json::{Map, Value};
use timers::Timestamp;

use crate::json_instant::instant;
use crate::row_fault::{Faults, RowFault};

/// A document of a collection of the original.
pub trait ExportedDocument: Sized {
    /// Reads a document; `None` after a fault.
    fn read(fields: &mut DocumentFields<'_>) -> Option<Self>;
}

/// The fields of one document. Each method reads a field, and records a fault if it has no value of its type; it then returns
/// `None`.
pub struct DocumentFields<'r> {
    pub(super) line: u64,
    pub(super) fields: Map<String, Value>,
    pub(super) faults: &'r mut Faults,
}

impl DocumentFields<'_> {
    /// Tells whether the document has a value in a field.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.get(field).is_some()
    }

    fn get(&self, field: &str) -> Option<&Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    /// Removes and returns a value, `null` if there is none.
    pub(crate) fn take(&mut self, field: &str) -> Value {
        self.fields.remove(field).unwrap_or_default()
    }

    pub(crate) fn fault<T>(&mut self, field: &str, message: impl Into<String>) -> Option<T> {
        self.faults.add(self.line, field, message);
        None
    }

    /// Returns what a repair of a field is reported as.
    pub(crate) fn repair(&self, field: &str, message: impl Into<String>) -> RowFault {
        RowFault { line: self.line, column: field.to_owned(), message: message.into() }
    }

    /// Reads the id of a document, of a person for example: a text, an ObjectId or a number.
    pub(crate) fn id(&mut self, field: &str) -> Option<String> {
        match self.take(field) {
            Value::String(text) if !text.is_empty() => Some(text),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                self.fault(field, "must be an id: a text, an ObjectId or a number")
            }
        }
    }

    /// Reads a text that can be missing.
    pub(crate) fn optional_text(&mut self, field: &str) -> Option<Option<String>> {
        match self.take(field) {
            Value::Null => Some(None),
            Value::String(text) => Some(Some(text)),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                self.fault(field, "must be a text")
            }
        }
    }

    /// Reads an instant that can be missing.
    pub(crate) fn optional_instant(&mut self, field: &str) -> Option<Option<Timestamp>> {
        let value = self.take(field);
        if value.is_null() {
            return Some(None);
        }
        match instant(&value) {
            Some(at) => Some(Some(at)),
            None => self.fault(field, "must be an instant from 1970 to 9999"),
        }
    }
}
