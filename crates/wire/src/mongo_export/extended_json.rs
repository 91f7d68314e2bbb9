//! Extended JSON, versions 1 and 2, relaxed and canonical.

use serde_json::{Map, Number, Value};

/// Replaces the values that have a type of BSON by those of JSON that a server of the original would send: ids and dates by
/// texts, a date that is given in milliseconds by its number, and numbers by numbers. Other types stay objects.
pub(super) fn to_json(value: Value) -> Value {
    match value {
        Value::Object(mut fields) => match single_field(&fields) {
            Some(typed) => typed,
            None => {
                fields.values_mut().for_each(|value| *value = to_json(value.take()));
                Value::Object(fields)
            }
        },
        Value::Array(values) => Value::Array(values.into_iter().map(to_json).collect()),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => plain,
    }
}

/// Reads `{"$type": value}`.
fn single_field(fields: &Map<String, Value>) -> Option<Value> {
    let (name, value) = fields.iter().next().filter(|_| fields.len() == 1)?;
    match (name.as_str(), value) {
        ("$undefined", Value::Bool(true)) => Some(Value::Null),
        ("$oid" | "$symbol", Value::String(text)) => Some(text.as_str().into()),
        ("$numberInt" | "$numberLong", Value::String(text)) => Some(text.parse::<i64>().ok()?.into()),
        ("$numberLong", Value::Number(number)) => Some(number.clone().into()),
        // JSON has no `NaN` and no `Infinity`; they become `null`.
        ("$numberDouble" | "$numberDecimal", Value::String(text)) => Some(number(text.parse().ok()?)),
        ("$date", Value::String(_) | Value::Number(_) | Value::Object(_)) => Some(to_json(value.clone())),
        _ => None,
    }
}

/// Returns a number; a whole one as an integer, since MongoDB's shell and drivers write whole numbers as doubles.
fn number(float: f64) -> Value {
    // 2^53: every smaller whole number is exact.
    if float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0 {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and small")]
        return Value::from(float as i64);
    }
    Number::from_f64(float).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_values_become_those_that_the_original_sends() {
        for (given, expected) in [
            (r#"{"$oid":"65a1"}"#, r#""65a1""#),
            (r#"{"$date":"2026-11-20T10:00:00.000Z"}"#, r#""2026-11-20T10:00:00.000Z""#),
            (r#"{"$date":{"$numberLong":"1795168800000"}}"#, "1795168800000"),
            (r#"{"$date":1795168800000}"#, "1795168800000"),
            (r#"{"$numberInt":"7"}"#, "7"),
            (r#"{"$numberLong":"-7"}"#, "-7"),
            (r#"{"$numberDouble":"1795168800000.0"}"#, "1795168800000"),
            (r#"{"$numberDouble":"0.5"}"#, "0.5"),
            (r#"{"$numberDouble":"NaN"}"#, "null"),
            (r#"{"$numberDecimal":"25"}"#, "25"),
            (r#"{"a":[{"$numberInt":"1"},{"b":{"$oid":"c"}}],"d":null}"#, r#"{"a":[1,{"b":"c"}],"d":null}"#),
            (r#"{"$binary":{"base64":"","subType":"00"}}"#, r#"{"$binary":{"base64":"","subType":"00"}}"#),
            (r#"{"$undefined":true}"#, "null"),
            (r#"{"$numberInt":"x"}"#, r#"{"$numberInt":"x"}"#),
            (r#"{"$oid":"1","$date":"2"}"#, r#"{"$date":"2","$oid":"1"}"#),
        ] {
            assert_eq!(to_json(serde_json::from_str(given).unwrap()).to_string(), expected, "{given}");
        }
    }
}
