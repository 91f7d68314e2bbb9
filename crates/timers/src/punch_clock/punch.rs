//! One punch.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::time::Timestamp;

/// Longest id in bytes. Pages use the time in milliseconds, or a UUID.
const ID_BYTES_MAX: usize = 200;

/// Names a punch: a text or a number that the client chose, in the form in which JavaScript writes it as JSON. `1` and `1.0`
/// are the same number; `1` and `"1"` are not the same id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PunchId(Box<str>);

/// Why a value is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a number, or a text of 1 to {ID_BYTES_MAX} bytes")]
pub struct BadPunchId;

/// Whether work begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum PunchKind {
    /// It begins.
    In,
    /// It ends.
    Out,
}

/// One punch. Its instant is a date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Punch {
    /// The id.
    pub id: PunchId,
    /// The instant.
    pub at: Timestamp,
    /// Whether work begins or ends.
    pub kind: PunchKind,
    /// The time that the client shows, `HH:MM:SS`, if it gave one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub time: Option<String>,
}

impl PunchId {
    /// Makes an id of a JSON value.
    ///
    /// # Errors
    /// [`BadPunchId`] if it is neither a text nor a number, or too long.
    pub fn new(value: &Value) -> Result<Self, BadPunchId> {
        let text = match value {
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => integer.to_string(),
                (None, Some(float)) => float.to_string(),
                (None, None) => return Err(BadPunchId),
            },
            Value::String(text) if !text.is_empty() => Value::from(text.as_str()).to_string(),
            Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                return Err(BadPunchId);
            }
        };
        if text.len() > ID_BYTES_MAX { Err(BadPunchId) } else { Ok(Self(text.into())) }
    }

    /// Returns the id as JSON.
    pub fn as_json(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PunchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for PunchId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value: Value = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        value.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PunchId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl PunchKind {
    /// Returns the kind's text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::In => "IN",
            Self::Out => "OUT",
        }
    }
}

impl Punch {
    /// Returns what punches are ordered by. At one instant, work begins before it ends.
    pub(crate) fn order(&self) -> (Timestamp, PunchKind, &PunchId) {
        (self.at, self.kind, &self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_one_that_javascript_compares() {
        let id = |json: &str| PunchId::new(&serde_json::from_str(json).unwrap()).map(|id| id.to_string());
        assert_eq!(id("1"), id("1.0"));
        assert_eq!(id("1e3"), Ok("1000".to_owned()));
        assert_eq!(id("1.5"), Ok("1.5".to_owned()));
        assert_eq!(id(r#""1""#), Ok(r#""1""#.to_owned()));
        assert_ne!(id("1"), id(r#""1""#));
        for json in ["null", "true", r#""""#, "[1]", "{}", &format!("\"{}\"", "x".repeat(ID_BYTES_MAX))] {
            assert_eq!(id(json), Err(BadPunchId), "{json}");
        }
    }
}
