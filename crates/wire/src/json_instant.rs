//! Instants as JSON values.

use serde_json::Value;
use timers::Timestamp;

use crate::iso;

/// Reads an instant, a text or a number of milliseconds.
pub(crate) fn instant(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => iso::read(text).ok(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => millis(value),
    }
}

/// Reads milliseconds since 1970, with or without a fraction.
pub(crate) fn millis(value: &Value) -> Option<Timestamp> {
    let number = value.as_number()?;
    if let Some(integer) = number.as_u64() {
        return Some(Timestamp(integer));
    }
    let float = number.as_f64().filter(|float| (0.0..9e15).contains(float))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is positive and small")]
    Some(Timestamp(float as u64))
}
