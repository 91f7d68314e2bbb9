//! The canonical form of a finished session, by which two rows are found to be the same.

use std::collections::BTreeMap;

use serde_json::{Number, Value};

use crate::raw_json::RawJson;
use crate::stopwatch::finished::Finished;

/// Integers up to this one are exact in a JSON number with a fraction, such as `3600.0`.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Returns a row in its canonical form.
///
/// Clients write the same session in several ways: an editor sends `0`, `{}`, `[]` and empty texts in one format, and
/// leaves them out in another; numbers and JSON can be spelled differently. The session's id and its group are no part
/// of the form, because a CSV file does not have them.
pub(crate) fn canonical(row: &Finished) -> Finished {
    let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    Finished {
        session: None,
        group_id: None,
        group_name: None,
        started: row.started,
        ended: row.ended,
        label: text(&row.label),
        duration_seconds: number(row.duration_seconds.as_ref()),
        idle_seconds: number(row.idle_seconds.as_ref()),
        lines_added: number(row.lines_added.as_ref()),
        lines_deleted: number(row.lines_deleted.as_ref()),
        per_file_seconds: json(row.per_file_seconds.as_ref()),
        per_language_seconds: json(row.per_language_seconds.as_ref()),
        author_name: text(&row.author_name),
        author_email: text(&row.author_email),
        machine: text(&row.machine),
        ide_name: text(&row.ide_name),
        workspace: text(&row.workspace),
        repo_path: text(&row.repo_path),
        branch: text(&row.branch),
        issue_key: text(&row.issue_key),
        comment: text(&row.comment),
        goals: json(row.goals.as_ref()),
    }
}

/// Returns a number without a fraction of zero; `None` for zero.
fn number(number: Option<&Number>) -> Option<Number> {
    number.map(shortest).filter(|number| number.as_f64() != Some(0.0))
}

fn shortest(number: &Number) -> Number {
    match number.as_f64() {
        Some(value) if number.is_f64() && value.fract() == 0.0 && value.abs() < EXACT_MAX => {
            #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53")]
            let whole = value as i64;
            Number::from(whole)
        }
        Some(_) | None => number.clone(),
    }
}

/// Returns JSON without white space, with the keys of objects in order and each number in one spelling; `None` for an
/// empty object or array.
fn json(json: Option<&RawJson>) -> Option<RawJson> {
    let json = json?;
    // JSON that cannot be read, such as a value that is nested too deeply, is compared as it is.
    let Ok(value) = serde_json::from_str::<Value>(json.as_str()) else { return Some(json.clone()) };
    if value.as_object().is_some_and(serde_json::Map::is_empty) || value.as_array().is_some_and(Vec::is_empty) {
        return None;
    }
    let mut text = String::with_capacity(json.as_str().len());
    write(&value, &mut text);
    Some(RawJson::new(&text).unwrap_or_else(|_| json.clone()))
}

fn write(value: &Value, text: &mut String) {
    let mut separator = "";
    match value {
        Value::Object(fields) => {
            text.push('{');
            for (name, value) in fields.iter().collect::<BTreeMap<_, _>>() {
                text.push_str(separator);
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                write(value, text);
                separator = ",";
            }
            text.push('}');
        }
        Value::Array(elements) => {
            text.push('[');
            for element in elements {
                text.push_str(separator);
                write(element, text);
                separator = ",";
            }
            text.push(']');
        }
        Value::Number(number) => text.push_str(&shortest(number).to_string()),
        Value::Null | Value::Bool(_) | Value::String(_) => text.push_str(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SessionId;

    fn read(json: &str) -> Finished {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_row_has_one_id_however_its_empty_values_numbers_and_json_are_written() {
        let bare = read(r#"{"started":1,"ended":2}"#);
        for same in [
            r#"{"started":1,"ended":2,"duration_seconds":0,"idle_seconds":0.0,"lines_added":-0.0,"lines_deleted":0}"#,
            r#"{"started":1,"ended":2,"per_file_seconds":{},"per_language_seconds":{ },"goals":[]}"#,
            r#"{"started":1,"ended":2,"comment":"","branch":"","label":"","machine":""}"#,
        ] {
            assert_eq!(read(same).row_id(), bare.row_id(), "{same}");
        }
        let full = |seconds: &str, files: &str| {
            read(&format!(r#"{{"started":1,"ended":2,"duration_seconds":{seconds},"per_file_seconds":{files}}}"#))
        };
        let row = full("3600", r#"{"a":1,"b":[2,{"c":null,"d":"x"}]}"#);
        assert_eq!(row.row_id(), full("3600.0", r#"{"b":[2.0, {"d":"\u0078","c":null}], "a":1e0}"#).row_id());
        for other in [
            full("3600.5", r#"{"a":1,"b":[2,{"c":null,"d":"x"}]}"#),
            full("3600", r#"{"a":1,"b":[{"c":null,"d":"x"},2]}"#),
            full("3600", r#"{"a":1,"b":[2,{"c":null,"d":"y"}]}"#),
            bare,
        ] {
            assert_ne!(row.row_id(), other.row_id(), "{other:?}");
        }
    }

    #[test]
    fn a_stopped_session_has_the_content_of_the_row_that_is_exported_for_it() {
        let text = |text: &str| Some(text.to_owned());
        let exported = Finished { label: text("x"), comment: text("c"), ..Finished::default() };
        let session = SessionId::new("s").unwrap();
        let stopped =
            Finished { session: Some(session), group_id: text("g"), group_name: text("G"), ..exported.clone() };
        assert_eq!(stopped.content_id(), exported.row_id());
        assert_eq!(stopped.row_id().as_str(), "session:s");
        assert_ne!(Finished { label: text("y"), ..exported.clone() }.row_id(), exported.row_id());
    }

    #[test]
    fn json_that_is_nested_too_deeply_is_compared_as_it_is() {
        let deep = |inner: &str| {
            let text = format!("{}{inner}{}", "[".repeat(500), "]".repeat(500));
            Finished { goals: Some(RawJson::new(&text).unwrap()), ..Finished::default() }
        };
        assert_eq!(deep("1").row_id(), deep("1").row_id());
        assert_ne!(deep("1").row_id(), deep("2").row_id());
    }
}
